//! Pages of a sorted list.

/// One page of a sorted list, and the token of the next.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// An invalid token.
pub(crate) struct BadToken;

/// The page of `sorted` that follows `token`. The token names the last key served, so that items which come and
/// go between two requests shift no others.
pub(crate) fn page<T>(
    sorted: impl IntoIterator<Item = (String, T)>,
    token: Option<&str>,
    size: usize,
) -> Result<Page<T>, BadToken> {
    let after = token.map(decode).transpose()?;
    let mut rest = sorted.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).peekable();
    let mut items = Vec::new();
    let mut last = None;
    while items.len() < size {
        let Some((key, item)) = rest.next() else { break };
        items.push(item);
        last = Some(key);
    }
    let next = if rest.peek().is_some() { last.as_deref().map(encode) } else { None };
    Ok(Page { items, next })
}

fn encode(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The key that a token names.
pub(crate) fn decode(token: &str) -> Result<String, BadToken> {
    let digits = token.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return Err(BadToken);
    }
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    String::from_utf8(bytes.ok_or(BadToken)?).map_err(|_| BadToken)
}

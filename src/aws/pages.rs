//! Lists that EKS answers in pages.

/// What is listed, and the member of the answer with the list.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// What is listed.
    pub of: &'static str,
    /// The member of the answer.
    pub member: &'static str,
}

/// The node groups of a cluster.
pub const NODEGROUPS: List = List { of: "node groups", member: "nodegroups" };

/// A page: its items, if the answer has the list, and the token of the next page.
#[derive(Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Option<Vec<T>>,
    /// The token.
    pub next_token: Option<String>,
}

/// Why a list could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ListError<E> {
    /// A page could not be read.
    #[error("{0}")]
    Page(E),
    /// A page is not one.
    #[error("{0}")]
    Malformed(Malformed),
}

/// Why a page is not one.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It has no list. Treating it as empty would miss what it did not list.
    #[error("EKS listed {} without {}", .0.of, .0.member)]
    NoList(List),
    /// It would repeat endlessly.
    #[error("EKS listed {} with the same nextToken twice", .0.of)]
    SameToken(List),
}

/// Reads all pages of a list.
///
/// # Errors
/// When a page cannot be read, or is not one.
pub async fn all_pages<T, E>(
    list: List,
    read: impl AsyncFn(Option<String>) -> Result<Page<T>, E>,
) -> Result<Vec<T>, ListError<E>> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let Page { items, next_token } = read(token.clone()).await.map_err(ListError::Page)?;
        all.extend(items.ok_or(ListError::Malformed(Malformed::NoList(list)))?);
        let next = next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(all);
        }
        if next == token {
            return Err(ListError::Malformed(Malformed::SameToken(list)));
        }
        token = next;
    }
}

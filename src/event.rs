//! The event that invoked the function.
//!
//! An event from EventBridge or SNS only triggers a run: release data in it is ignored. Only a manual event can request
//! something; an unknown field in it is an error, so that a typo never starts an update.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde::Deserialize;
use serde_json::Value;

use crate::model::decision::request::StartRequest;

/// The length of an event's quote in an error.
const QUOTED_CHARACTERS: usize = 300;

/// A manual event of `check`, which has no fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckRequest {}

/// An invalid event.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    /// Neither an envelope nor a JSON object.
    #[error("the event is {0}, but must be a JSON object: {{}} for a full run, or an EventBridge event")]
    NotAnObject(&'static str),
    /// A field is unknown or invalid.
    #[error("the event {event} is invalid: {error}")]
    Malformed {
        /// The event.
        event: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// An envelope with a field of a manual event: obeying one and ignoring the other would be surprising.
    #[error("the EventBridge event carries the field {0}, which only a manual event may have")]
    RequestInEnvelope(String),
    /// The function was invoked through its read-only alias.
    #[error(
        "the alias readonly only reads; invoke the function itself to retry, to roll back or to lift a quarantine, or add \
         \"dryRun\": true to see what that would do"
    )]
    ReadOnly,
}

/// Reads the event of a run of `start`.
///
/// ```
/// use eks_nodegroup_updater::event::parse_start;
/// use serde_json::json;
///
/// assert!(parse_start(&json!({"dryRun": true}))?.dry_run);
/// assert!(parse_start(&json!({"dryrun": true})).is_err());
/// # Ok::<(), eks_nodegroup_updater::event::InvalidEvent>(())
/// ```
///
/// # Errors
/// For anything that is neither a known envelope nor a manual event with known fields.
pub fn parse_start(event: &Value) -> Result<StartRequest, InvalidEvent> {
    let mut request: StartRequest = if is_envelope(event)? { StartRequest::default() } else { manual(event)? };
    request.dry_run |= !request.explain.is_empty();
    Ok(request)
}

/// The request to a read-only run, such as one through the alias `readonly`. A change must be requested as a dry run, so that
/// nobody believes that it was made.
///
/// # Errors
/// When it requests a change, but not as a dry run.
pub fn read_only(request: StartRequest) -> Result<StartRequest, InvalidEvent> {
    if request.has_action() && !request.dry_run {
        return Err(InvalidEvent::ReadOnly);
    }
    Ok(StartRequest { dry_run: true, ..request })
}

/// Reads the event of a run of `check`, which has no fields.
///
/// # Errors
/// For anything that is neither a known envelope nor `{}`.
pub fn parse_check(event: &Value) -> Result<(), InvalidEvent> {
    if !is_envelope(event)? {
        let CheckRequest {} = manual(event)?;
    }
    Ok(())
}

/// Whether the event is an envelope of EventBridge or SNS.
fn is_envelope(event: &Value) -> Result<bool, InvalidEvent> {
    let kind = match event {
        Value::Object(_) => None,
        Value::Null => Some("null"),
        Value::Bool(_) => Some("a boolean"),
        Value::Number(_) => Some("a number"),
        Value::String(_) => Some("a string"),
        Value::Array(_) => Some("an array"),
    };
    if let Some(kind) = kind {
        return Err(InvalidEvent::NotAnObject(kind));
    }
    let records = event.get("Records").and_then(Value::as_array);
    // Sources spell the keys of an SNS record differently; only `EventSource` is needed.
    let from_sns = |record: &Value| record["EventSource"] == "aws:sns";
    let sns = records.is_some_and(|records| !records.is_empty() && records.iter().all(from_sns));
    let eventbridge = event.get("detail-type").is_some() && event.get("source").is_some();
    if eventbridge {
        EventBridgeEvent::<Value>::deserialize(event).map_err(|error| malformed(event, error))?;
    }
    if sns || eventbridge {
        let field = request_fields().into_iter().find(|name| event.get(name).is_some());
        return field.map_or(Ok(true), |name| Err(InvalidEvent::RequestInEnvelope(name)));
    }
    Ok(false)
}

/// The fields of a manual event.
fn request_fields() -> Vec<String> {
    match serde_json::to_value(StartRequest::default()) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}

fn manual<T: for<'de> Deserialize<'de>>(event: &Value) -> Result<T, InvalidEvent> {
    T::deserialize(event).map_err(|error| malformed(event, error))
}

fn malformed(event: &Value, error: serde_json::Error) -> InvalidEvent {
    let event = event.to_string().chars().take(QUOTED_CHARACTERS).collect();
    InvalidEvent::Malformed { event, error }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn error(event: Value) -> String {
        parse_start(&event).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_event_is_a_full_run() {
        assert_eq!(parse_start(&json!({})).unwrap(), StartRequest::default());
    }

    #[test]
    fn a_manual_event_may_filter_and_only_look() {
        let event = json!({"dryRun": true, "nodegroups": ["prod/blue"], "clusters": ["dev"]});
        let event = parse_start(&event).unwrap();
        assert!(event.dry_run);
        let includes = |name: &str| event.includes(&name.parse().unwrap());
        assert!(includes("prod/blue") && includes("dev/any"));
        assert!(!includes("prod/green") && !includes("blue/prod"));
    }

    #[test]
    fn a_run_that_may_only_look_is_dry_and_refuses_what_is_to_be_changed_unless_it_is_asked_for_as_a_dry_run() {
        let only_look = |event: Value| read_only(parse_start(&event).unwrap());
        assert!(only_look(json!({})).unwrap().dry_run);
        assert_eq!(only_look(json!({"explain": ["prod/blue"]})).unwrap().explain.len(), 1);
        for action in [
            json!({"retry": ["prod/blue"]}),
            json!({"rollback": {"prod/*": "1.33.1-20260610"}}),
            json!({"liftQuarantine": ["1.33.1-20260610"]}),
        ] {
            let error = only_look(action.clone()).unwrap_err().to_string();
            assert!(error.starts_with("the alias readonly only reads"), "{error}");
            let mut dry = action;
            dry["dryRun"] = true.into();
            assert_eq!(only_look(dry.clone()).unwrap(), parse_start(&dry).unwrap());
        }
    }

    #[test]
    fn to_explain_is_to_look() {
        assert!(parse_start(&json!({"explain": ["prod/blue"]})).unwrap().dry_run);
    }

    #[test]
    fn a_misspelt_field_is_an_error_that_names_it() {
        let message = error(json!({"dryrun": true}));
        assert!(message.contains("unknown field `dryrun`"), "{message}");
        let message = error(json!({"clusters": "prod"}));
        assert!(message.contains(r#"invalid type: string "prod""#), "{message}");
        let message = error(json!({"nodegroups": ["blue"]}));
        assert!(message.contains(r#""blue" does not name a node group; expected cluster/nodegroup"#), "{message}");
    }

    #[test]
    fn a_request_inside_an_envelope_is_an_error() {
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "dryRun": true});
        assert_eq!(error(event), "the EventBridge event carries the field dryRun, which only a manual event may have");
    }

    #[test]
    fn no_action_of_any_kind_passes_inside_an_envelope() {
        let fields = request_fields();
        assert_eq!(fields, ["clusters", "dryRun", "explain", "liftQuarantine", "nodegroups", "retry", "rollback"]);
        for field in fields {
            let sns = json!({"Records": [{"EventSource": "aws:sns"}], &field: []});
            assert!(error(sns).contains(&field), "{field}");
        }
    }

    #[test]
    fn a_rollback_names_node_groups_by_pattern() {
        let event = parse_start(&json!({"rollback": {"prod/*": "1.33.1-20260610"}})).unwrap();
        let (pattern, release) = event.rollback.into_iter().next().unwrap();
        let matches = |name: &str| pattern.matches(&name.parse().unwrap());
        assert!(matches("prod/blue") && !matches("dev/blue") && release == "1.33.1-20260610");
        assert!(error(json!({"rollback": {"prod": "1.33.1-20260610"}})).contains("does not name a node group"));
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for event in [json!(null), json!("{}"), json!([]), json!(1), json!(true)] {
            assert!(error(event).contains("must be a JSON object"));
        }
        assert!(error(json!({"Records": []})).contains("unknown field `Records`"));
        assert!(error(json!({"Records": [{"EventSource": "aws:s3"}]})).contains("unknown field `Records`"));
    }

    #[test]
    fn check_takes_no_fields() {
        assert!(parse_check(&json!({})).is_ok());
        assert!(parse_check(&json!({"dryRun": true})).unwrap_err().to_string().contains("unknown field `dryRun`"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            "\\PC{0,8}",
            Just("dryRun".to_owned()),
            Just("nodegroups".to_owned()),
            Just("Records".to_owned()),
            Just("detail-type".to_owned()),
            Just("source".to_owned()),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(key.clone(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_event_makes_parsing_panic(event in any_json()) {
            let _ = parse_start(&event);
            let _ = parse_check(&event);
        }
    }
}

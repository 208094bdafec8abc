//! What woke the function.
//!
//! An event from EventBridge or SNS is a wake-up and nothing more: what it says about releases is never used. Only an event
//! that somebody wrote by hand carries wishes, and there an unknown field is an error, so that a typo starts nothing.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde::Deserialize;
use serde_json::Value;

/// What a run is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartEvent {
    /// Plan and report, but write and start nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Only these node groups, as `cluster/nodegroup`, and those of `clusters`. Without either: all.
    #[serde(default)]
    pub nodegroups: Vec<String>,
    /// Only the node groups of these clusters, and those of `nodegroups`.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// Try again on these node groups, as `cluster/nodegroup`, what failed before.
    #[serde(default)]
    pub retry: Vec<String>,
    /// Lift the quarantine of these releases.
    #[serde(default)]
    pub lift_quarantine: Vec<String>,
}

/// `check` takes no wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckEvent {}

/// An event that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    /// Neither an envelope nor a JSON object.
    #[error("the event is {0}, but must be a JSON object: {{}} for a full run, or an EventBridge event")]
    NotAnObject(&'static str),
    /// A field is unknown or has the wrong type.
    #[error("the event {event} is not understood: {error}")]
    Malformed {
        /// The event.
        event: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// A field of a manual event inside an envelope: following one and dropping the other would surprise.
    #[error("the EventBridge event carries the field {0}, which only a manual event may have")]
    WishInEnvelope(&'static str),
    /// A node group's name without its cluster.
    #[error("the event names {0:?}; expected cluster/nodegroup")]
    NoCluster(String),
}

impl StartEvent {
    /// Reads the event that Lambda hands over.
    ///
    /// # Errors
    /// For anything that is neither a known envelope nor a manual event with known fields.
    pub fn parse(event: &Value) -> Result<Self, InvalidEvent> {
        if is_wake_up(event)? {
            return Ok(Self::default());
        }
        let manual: Self = manual(event)?;
        let is_path = |name: &str| matches!(name.split_once('/'), Some((cluster, name)) if !cluster.is_empty() && !name.is_empty() && !name.contains('/'));
        match manual.nodegroups.iter().chain(&manual.retry).find(|name| !is_path(name)) {
            Some(name) => Err(InvalidEvent::NoCluster(name.clone())),
            None => Ok(manual),
        }
    }

    /// Whether the event wants this node group.
    #[must_use]
    pub fn wants(&self, cluster: &str, nodegroup: &str) -> bool {
        let all = self.nodegroups.is_empty() && self.clusters.is_empty();
        let named = |path: &String| path.split_once('/') == Some((cluster, nodegroup));
        all || self.clusters.iter().any(|name| name == cluster) || self.nodegroups.iter().any(named)
    }
}

impl CheckEvent {
    /// Reads the event that Lambda hands over.
    ///
    /// # Errors
    /// For anything that is neither a known envelope nor `{}`.
    pub fn parse(event: &Value) -> Result<Self, InvalidEvent> {
        if is_wake_up(event)? { Ok(Self {}) } else { manual(event) }
    }
}

/// Whether the event is an envelope of EventBridge or SNS.
fn is_wake_up(event: &Value) -> Result<bool, InvalidEvent> {
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
    // Sources spell the keys of an SNS record differently; `EventSource` is all that a wake-up needs.
    let from_sns = |record: &Value| record["EventSource"] == "aws:sns";
    let sns = records.is_some_and(|records| !records.is_empty() && records.iter().all(from_sns));
    let envelope = event.get("detail-type").is_some() && event.get("source").is_some();
    if envelope {
        EventBridgeEvent::<Value>::deserialize(event).map_err(|error| malformed(event, error))?;
    }
    if sns || envelope {
        let wish = ["dryRun", "nodegroups", "clusters", "retry", "liftQuarantine"]
            .into_iter()
            .find(|name| event.get(name).is_some());
        return wish.map_or(Ok(true), |name| Err(InvalidEvent::WishInEnvelope(name)));
    }
    Ok(false)
}

fn manual<T: for<'de> Deserialize<'de>>(event: &Value) -> Result<T, InvalidEvent> {
    T::deserialize(event).map_err(|error| malformed(event, error))
}

fn malformed(event: &Value, error: serde_json::Error) -> InvalidEvent {
    let event = event.to_string().chars().take(300).collect();
    InvalidEvent::Malformed { event, error }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn error(event: Value) -> String {
        StartEvent::parse(&event).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_event_is_a_full_run() {
        assert_eq!(StartEvent::parse(&json!({})).unwrap(), StartEvent::default());
    }

    #[test]
    fn a_manual_event_may_filter_and_only_look() {
        let event = json!({"dryRun": true, "nodegroups": ["prod/blue"], "clusters": ["dev"]});
        let event = StartEvent::parse(&event).unwrap();
        assert!(event.dry_run);
        assert!(event.wants("prod", "blue") && event.wants("dev", "any"));
        assert!(!event.wants("prod", "green") && !event.wants("blue", "prod"));
    }

    #[test]
    fn a_misspelt_field_is_an_error_that_names_it() {
        let message = error(json!({"dryrun": true}));
        assert!(message.contains("unknown field `dryrun`"), "{message}");
        let message = error(json!({"clusters": "prod"}));
        assert!(message.contains(r#"invalid type: string "prod""#), "{message}");
        assert_eq!(error(json!({"nodegroups": ["blue"]})), r#"the event names "blue"; expected cluster/nodegroup"#);
    }

    #[test]
    fn a_wish_inside_an_envelope_is_an_error() {
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "dryRun": true});
        assert_eq!(error(event), "the EventBridge event carries the field dryRun, which only a manual event may have");
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
        assert!(CheckEvent::parse(&json!({})).is_ok());
        assert!(
            CheckEvent::parse(&json!({"dryRun": true})).unwrap_err().to_string().contains("unknown field `dryRun`")
        );
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
            let _ = StartEvent::parse(&event);
            let _ = CheckEvent::parse(&event);
        }
    }
}

//! The JSON for programs.

use serde_json::{Map, Value, json};

use super::keys::dedup_key;
use crate::model::id::NodegroupId;
use crate::notify::letter::{Envelope, Letter, Step};

/// Everything, for programs.
pub(in crate::notify) fn json(envelope: &Envelope<'_>, letter: &Letter<'_>) -> Map<String, Value> {
    let id = envelope.nodegroup;
    let common = json!({
        "version": "1",
        "id": envelope.id,
        "ids": envelope.ids,
        "updateIds": envelope.update_ids,
        "kind": envelope.kind,
        "noticedAt": envelope.at,
        "region": envelope.region,
        "account": envelope.account,
        "nodegroups": envelope.members,
        "cluster": id.map(NodegroupId::cluster),
        "nodegroup": id.map(NodegroupId::nodegroup),
        "nodegroupArn": id.map(NodegroupId::arn),
        "dedupKey": dedup_key(envelope, letter),
        "severity": letter.severity,
        "status": letter.status,
        "meaning": letter.meaning,
        "nextSteps": letter.steps.iter().flat_map(Step::lines).collect::<Vec<_>>(),
        "nextAction": letter.next.sentence,
        "nextTry": letter.next.at,
    });
    let members = |value: Value| match value {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let mut all = members(common);
    all.extend(members(json!(letter.data)));
    all
}

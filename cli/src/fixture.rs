//! The demo's fleet at some hour of its day, as the commands see it: for the tests of what they print.

use anstream::adapter::strip_str;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use eks_nodegroup_updater::model::record::set::RecordSet;
use eks_nodegroup_updater::run::Run;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use simulated_aws::World;
use tokio::net::TcpListener;

use crate::aws::answer::{CheckAnswer, Look, StartAnswer, read};
use crate::aws::location::Location;
use crate::aws::place::Place;
use crate::aws::records;
use crate::aws::stack::Deployment;
use crate::commands::tags::At;
use sandbox::fleet;
use sandbox::functions::{Functions, TIME_OUT, sdk_config, settings};
use terminal::page::Page;

/// A snapshot of the demo at a given hour.
pub struct Moment {
    /// The answer of a dry run to an event.
    pub look: Look,
    /// The records of the table.
    pub records: RecordSet,
    /// The answer of the last run of `start`.
    pub started: StartAnswer,
    /// The answer of the last run of `check`.
    pub checked: CheckAnswer,
}

/// The fleet this many hours after nine in the morning. Both functions have run on their schedules; a dry run gets this event.
pub async fn after(hours: i64, event: &Value) -> Moment {
    let world = World::new("2026-07-20T09:00:00Z".parse().expect("a time"));
    let topic = fleet::populate(&world);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let functions = Functions::new(&endpoint, &settings(&topic)).await.expect("settings");
    let configuration = sdk_config(&endpoint, "AKIATEST").await;
    let story = async {
        let (mut started, mut checked) = (StartAnswer::default(), CheckAnswer::default());
        for step in 0..=hours * 12 {
            let run = || Run::new("1", world.now(), TIME_OUT);
            let summary = functions.check(&json!({}), run()).await.expect("check runs");
            checked = read(json!(summary)).expect("an answer");
            if step % 12 == 0 && step < hours * 12 {
                let summary = functions.start(&json!({}), run()).await.expect("start runs");
                started = read(json!(summary)).expect("an answer");
            }
            if step < hours * 12 {
                world.advance(SignedDuration::from_mins(5));
            }
        }
        let run = Run { read_only: true, ..Run::new("look", world.now(), TIME_OUT) };
        let answer = read(json!(functions.start(event, run).await.expect("it looks"))).expect("an answer");
        let records = records::scan(&configuration, &deployment()).await.expect("the table answers");
        let look = Look { deployment: Some(deployment()), answer };
        Moment { look, records, started, checked }
    };
    tokio::select! {
        moment = story => moment,
        ended = world.clone().serve(listener) => panic!("{ended:?}"),
    }
}

/// A stack that is deployed.
pub fn deployment() -> Deployment {
    Deployment {
        stack: "eks-nodegroup-updater".to_owned(),
        region: "eu-central-1".to_owned(),
        account: "123456789012".to_owned(),
        status: "UPDATE_COMPLETE".to_owned(),
        start: "start".to_owned(),
        check: "check".to_owned(),
        table: fleet::TABLE.to_owned(),
        outputs: [].into(),
    }
}

/// A place without credentials.
pub fn place() -> Place {
    let configuration = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
    Place::new(None, configuration.region(Region::new("eu-central-1")).build())
}

/// The account and region of the demo.
pub fn location() -> Location {
    Location { profile: None, account: Some("123456789012".to_owned()), region: "eu-central-1".to_owned() }
}

/// The same, and its account.
pub fn at() -> At {
    At { place: place(), account: "123456789012".to_owned() }
}

/// The beginnings of commands: they are copied, so they stay in one piece.
const COMMANDS: [&str; 3] = ["aws ", "sam ", "eks-nodegroup-updater "];

/// A document as a command prints it: at 60, 80 and 200 columns without color, at 120 with it, and as JSON.
pub fn every_output<T: Serialize>(document: &T, draw: impl Fn(&mut Page)) -> String {
    let drawn = |width| {
        let mut page = Page::new(width, TimeZone::UTC);
        draw(&mut page);
        page.text().to_owned()
    };
    let plain = |width| {
        let text = strip_str(&drawn(width)).to_string();
        let is_command = |line: &&str| COMMANDS.iter().any(|command| line.trim_start().starts_with(command));
        for line in text.lines().filter(|line| !is_command(line)) {
            assert!(textwrap::core::display_width(line) <= usize::from(width), "{width}: {line}");
        }
        format!("{width} columns\n\n{text}")
    };
    let json = serde_json::to_string_pretty(document).expect("JSON");
    let colored = drawn(120).replace('\u{1b}', "ESC");
    format!("{}\nin color\n\n{colored}\nJSON\n\n{json}\n", [60, 80, 200].map(plain).join("\n"))
}

use super::*;
use crate::fixture::every_output;

const A: Question =
    Question { name: "A", about: "table's point-in-time recovery", action: "dynamodb:DescribeContinuousBackups" };
const B: Question = Question { name: "B", about: "dead-letter queue", action: "sqs:GetQueueAttributes" };

fn report() -> Report {
    let many: Vec<String> =
        (0..3).map(|number| format!("prod/{number}: its tag ami-update/\u{1b}[2J is unknown")).collect();
    let stack = vec![
        A.passed("stack updater is UPDATE_COMPLETE"),
        A.unanswered(&NoAnswer::Denied),
        A.unanswered(&NoAnswer::NotImplemented),
        Question { about: "table", ..A }.unanswered(&NoAnswer::NotImplemented),
        B.unanswered(&NoAnswer::Failed(
            "InternalError: We encountered an internal error. Please try again.".to_owned(),
        )),
        A.warning("its point-in-time recovery is off")
            .cause("Lost or damaged data in it cannot be restored.")
            .remedy(Message::default().command(
                "aws dynamodb update-continuous-backups --table-name updater-UpdatesTable-1A2B3C \
                 --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
            ))
            .see("docs/operations.md#installing-again"),
    ];
    let nodegroups = vec![
        A.failed("3 node groups with a tag that is not recognised")
            .cause(many.into_iter().collect::<Message>())
            .remedy(
                "Fix or remove the tag: eks-nodegroup-updater set RULE=VALUE CLUSTER/NODEGROUP, and then look again \
                whether it is understood",
            )
            .see("docs/rules.md"),
    ];
    let mut report = Report {
        profile: None,
        region: "eu-central-1".to_owned(),
        account: Some("123456789012".to_owned()),
        stack: None,
        counts: BTreeMap::new(),
        sections: vec![
            Section { name: "Stack", note: None, checks: stack },
            Section { name: "Node groups", note: Some(rights::NOTE), checks: nodegroups },
        ],
    };
    report.count();
    report
}

fn of(checks: Vec<Check>) -> Report {
    let mut report = report();
    report.sections = vec![Section { name: "Stack", note: None, checks }];
    report.counts.clear();
    report.count();
    report
}

#[test]
fn a_report_of_an_installation() {
    let report = report();
    insta::assert_snapshot!(every_output(&report, |page| report.draw(page)));
}

#[test]
fn a_problem_ends_with_1_and_a_warning_with_2_where_that_is_asked_for() {
    let skipped = || A.skipped("why");
    for (checks, usual, of_warnings, conclusion) in [
        (vec![A.passed("a")], Exit::Done, Exit::Done, "All checks passed."),
        (vec![A.passed("a"), skipped()], Exit::Done, Exit::Done, "No problems, 1 skipped."),
        (vec![A.warning("a"), A.warning("b")], Exit::Done, Exit::Found, "2 warnings."),
        (
            vec![A.warning("a"), A.failed("b"), skipped()],
            Exit::Failed,
            Exit::Failed,
            "1 problem, 1 warning, 1 skipped.",
        ),
    ] {
        let report = of(checks);
        assert_eq!((report.exit(false), report.exit(true)), (usual, of_warnings));
        assert_eq!(report.conclusion(), conclusion);
    }
}

#[test]
fn want_of_rights_is_no_fault_of_what_is_checked() {
    let because = |status, code| NoAnswer::because(status, code, || "words".to_owned());
    for code in ["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"] {
        assert_eq!(because(Some(403), Some(code)), NoAnswer::Denied, "{code}");
    }
    for (status, code) in [(Some(501), None), (Some(404), Some("UnknownOperationException"))] {
        assert_eq!(because(status, code), NoAnswer::NotImplemented);
    }
    for (status, code) in [(Some(404), Some("ResourceNotFoundException")), (Some(500), None), (None, None)] {
        assert_eq!(because(status, code), NoAnswer::Failed("words".to_owned()));
    }
}

#[test]
fn programs_read_the_same() {
    let json = serde_json::to_value(report()).unwrap();
    assert_eq!(json["counts"], serde_json::json!({"Passed": 1, "Warning": 1, "Failed": 2, "Skipped": 3}));
    assert_eq!(
        json["sections"][0]["checks"][1],
        serde_json::json!({
            "name": "A",
            "status": "Skipped",
            "message": "table's point-in-time recovery",
            "cause": "missing permission dynamodb:DescribeContinuousBackups",
            "see": RIGHTS_TO_LOOK,
        })
    );
}

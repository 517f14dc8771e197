//! The bench measures all that it promises, in the shape that it promises. What it measures is judged where the machine is its own.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

use rollcall_tests::programs::run;
use serde_json::Value;

fn bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bench"))
}

#[test]
fn every_figure_is_a_line() {
    let said = run(bench().args(["--quick", "--json"]), "").ok();
    let figures: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = figures
        .iter()
        .map(|figure| figure["name"].as_str().unwrap())
        .collect();
    let expected = [
        "scan_to_feedback",
        "scan_to_feedback_p99",
        "two_readers",
        "two_readers_p99",
        "two_readers_worst",
        "rush",
        "rush_p99",
        "rush_worst",
        "group_commit",
        "kiosk_rss_20000",
        "kiosk_start_to_ready",
        "journal_start_60",
        "journal_start_3000",
        "journal_cost_60",
        "journal_cost_3000",
        "intake_batch_50",
        "intake_cost_100",
        "intake_cost_200",
        "intake_cost_400",
        "decide_signals",
        "decide_memory",
        "decide_late_20",
        "decide_late_40",
        "decide_late_80",
    ];
    assert_eq!(names, expected);
    for figure in &figures {
        let members: Vec<&String> = figure.as_object().unwrap().keys().collect();
        assert_eq!(members.len(), 7, "{figure}");
        assert!(figure["value"].as_f64().unwrap() > 0.0, "{figure}");
        assert!(
            figure["unit"].is_string() && figure["goal"].is_string(),
            "{figure}"
        );
        assert_eq!(
            figure["control"].is_null(),
            figure["ratio"].is_null(),
            "{figure}"
        );
        assert!(
            figure["met"].is_null(),
            "small amounts are not judged: {figure}"
        );
    }
}

#[test]
fn what_nobody_measures_is_refused() {
    run(bench().arg("scan_to_fedback"), "").refused(2, &["scan_to_fedback", "--help"]);
    run(bench().args(["--folder", "/nowhere/at/all"]), "").refused(2, &["/nowhere/at/all"]);
}

//! `rollcall why`: one certificate on one page, from its sentence down to the receipts.

use std::fmt::Write as _;

use attendance::eligibility::span_text;
use attendance::time::Interval;
use audit::report::{Report, Verdict};
use audit::verify::Options;
use audit::why::{Chain, ChainEnd, NoChain, State, chain};
use serde::Serialize;

use crate::archive::open;
use crate::verify::{json, read, refused, scan_text};
use crate::words::{Zone, bad, doubtful, entries, good, printable};
use crate::{COULD_NOT, FAILED, Outcome, WhyArgs};

#[derive(Serialize)]
struct Page<'a> {
    chain: Option<&'a Chain>,
    error: Option<String>,
    report: &'a Report,
}

pub(crate) fn run(args: &WhyArgs) -> Outcome {
    let files = match open(&args.archive) {
        Ok(files) => files,
        Err(error) => {
            let report = refused(&error);
            return answer(args, None, Some(error.to_string()), &report, None);
        }
    };
    let options = Options {
        issuer_key: args.issuer_key,
        list_scans: false,
    };
    let (report, opened) = read(&files, &options);
    let Some(opened) = opened else {
        let reason = report.broken_at.as_ref().map(|place| place.reason.clone());
        return answer(args, None, reason, &report, None);
    };
    match chain(&opened, &args.certificate) {
        Ok(chain) => answer(args, Some(&chain), None, &report, None),
        Err(error) => {
            let code = match error {
                NoChain::Unknown(_) => FAILED,
                NoChain::NoLedger | NoChain::Unread(_) => COULD_NOT,
            };
            answer(args, None, Some(error.to_string()), &report, Some(code))
        }
    }
}

fn answer(
    args: &WhyArgs,
    chain: Option<&Chain>,
    error: Option<String>,
    report: &Report,
    code: Option<u8>,
) -> Outcome {
    // What does not verify outweighs what could not be found.
    let code = match (report.verdict, code) {
        (Verdict::Verified | Verdict::Partly, Some(code)) => code,
        (verdict, _) => verdict.exit_code(),
    };
    let text = if args.json {
        json(&Page {
            chain,
            error: error.clone(),
            report,
        })
    } else {
        chain.map_or_else(String::new, |chain| page(chain, report, args))
    };
    Outcome {
        text,
        error: error.unwrap_or_default(),
        code,
    }
}

fn page(chain: &Chain, report: &Report, args: &WhyArgs) -> String {
    let zone = Zone::of(Some(&chain.zone), args.utc);
    let mut out = String::new();
    let state = match chain.state {
        State::InForce => good("in force"),
        State::Revoked(index) => bad(&format!("revoked by ledger entry {index}")),
    };
    let name = chain
        .name
        .as_deref()
        .unwrap_or("(name not in this archive)");
    let _ = writeln!(
        out,
        "Certificate {} version {}, {state}\n{} | {} | {}\n",
        printable(&chain.certificate),
        chain.version,
        printable(name),
        printable(&chain.event),
        printable(&chain.programme)
    );
    let decision = &chain.decision;
    let _ = writeln!(out, "Sentence  {}", printable(&decision.explanation));
    let _ = writeln!(
        out,
        "Outcome   {}, {} credits, {}",
        decision.outcome,
        decision.credits.map_or("no".to_owned(), |c| c.to_string()),
        decision.reason
    );
    let _ = writeln!(
        out,
        "Rule      {}: {}\n          {} ({})",
        printable(&chain.rules_name),
        chain.threshold,
        chain.rules,
        chain.engine
    );
    let _ = writeln!(
        out,
        "Decision  ledger entry {}, object {}",
        chain.decided_at, chain.decision_hash
    );
    if let Some(witnesses) = chain.witnesses {
        let _ = writeln!(
            out,
            "Witnesses {witnesses} kiosks had cosigned the ledger's head"
        );
    }
    for part in &chain.parts {
        let _ = writeln!(
            out,
            "\nSession   {}: present {} of {}",
            printable(&part.title),
            span_text(part.part.least_ms),
            span_text(part.part.scheduled_ms)
        );
        for (start, end) in &part.stays {
            for (word, end) in [("From", start), ("Until", end)] {
                out.push_str(&end_text(word, end, zone));
            }
        }
    }
    let _ = writeln!(
        out,
        "\nTimes in {}. {}",
        zone.name(),
        last_line(report, args)
    );
    out
}

fn end_text(word: &str, end: &ChainEnd, zone: Zone) -> String {
    let at = end.at.map_or_else(
        || "not known".to_owned(),
        |at| {
            zone.interval(Interval {
                earliest: at.earliest,
                latest: at.latest,
            })
        },
    );
    let mut out = format!("{word:<9} {at}\n");
    if let Some(policy) = &end.inferred {
        let _ = writeln!(
            out,
            "          inferred by the rule {policy}: no scan shows it"
        );
    }
    if let Some(reported) = &end.reported {
        let _ = writeln!(out, "  Signal  {}", printable(reported));
    }
    if let Some(shown) = &end.scan {
        let _ = writeln!(out, "  Scan    {}", printable(&shown.words));
        for line in scan_text(&shown.line, zone).lines() {
            let _ = writeln!(out, "          {line}");
        }
    }
    out
}

fn last_line(report: &Report, args: &WhyArgs) -> String {
    let shown = args.archive.display();
    let read = entries(report.entries);
    match report.verdict {
        Verdict::Verified => {
            good(&format!("No errors found in {read}."))
                + &format!(
                    " Next: `rollcall verify {shown} --scans` lists every scan with its receipts."
                )
        }
        Verdict::Partly => {
            doubtful("The archive could be checked only in part.")
                + &format!(" Next: `rollcall verify {shown}` says what is missing.")
        }
        Verdict::Failed | Verdict::Malformed => {
            bad("The archive does not verify.")
                + &format!(" Next: `rollcall verify {shown}` says what is wrong, and where.")
        }
    }
}

//! A door to play with: badges from the terminal, from a pseudo-terminal, or from a scanner that types.

use std::io::{self, BufRead as _};
use std::path::PathBuf;

use chrono::Duration;

use super::camera;
use super::conference::{EVENT, PEOPLE, Plan};
use super::programs::{DemoError, What as _};
use super::stage::{ADMINISTRATOR, Scene};

/// How many sessions the day has.
const SESSIONS: usize = 8;
/// How long one lasts, in seconds.
const SESSION_S: i64 = 60;
/// How long a break lasts, in seconds.
const BREAK_S: i64 = 10;

/// Plays until the terminal ends or says so, with the camera of this name, if any.
///
/// # Errors
/// Where a program fails.
pub(crate) fn play(folder: PathBuf, camera: Option<String>) -> Result<(), DemoError> {
    eprintln!("Setting up an issuer, an event, and a kiosk at its door …");
    let plan = Plan::new(
        super::now(),
        SESSIONS,
        Duration::seconds(SESSION_S),
        Duration::seconds(BREAK_S),
    );
    let mut scene = Scene::set(folder, &plan, camera)?;
    let issuer = scene.start_issuer()?;
    scene.enrol()?;
    let mut kiosk = scene.start_kiosk()?;
    welcome(&scene);
    // Whichever scanner a badge came from, its answer stands here.
    let answers = kiosk.take_lines();
    std::thread::spawn(move || answers.into_iter().for_each(|line| show(&line)));
    for line in io::stdin().lock().lines() {
        let line = line.what(|| "reading the terminal".to_owned())?;
        match line.trim() {
            "" => continue,
            "quit" | "exit" => break,
            "issue" => {
                print!("{}", scene.issuer(&["issue", "--event", EVENT])?);
                continue;
            }
            "report" => {
                print!(
                    "{}",
                    scene.issuer(&["report", "attendance", "--event", EVENT, "--format", "csv"])?
                );
                continue;
            }
            _ => {}
        }
        let (scanner, code) = match line.trim().strip_prefix("out ") {
            Some(code) => (&mut scene.exit, code.trim()),
            None => (&mut scene.entrance, line.trim()),
        };
        scanner.scan(code).what(|| "scanning".to_owned())?;
    }
    let bundle = scene
        .stage
        .path("evidence.tar")
        .to_string_lossy()
        .into_owned();
    kiosk.stop()?;
    issuer.stop()?;
    scene.issuer(&["export", "--event", EVENT, "--out", &bundle])?;
    println!("The evidence lies in {bundle}. Check it with: rollcall verify {bundle}");
    Ok(())
}

fn show(line: &str) {
    let answer: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let reader = answer["reader"].as_str().unwrap_or_default();
    println!(
        "  {reader:<9} {}",
        answer["text"].as_str().unwrap_or_default()
    );
}

fn welcome(scene: &Scene) {
    println!("\nAttendees' screen   {}", scene.screen("/"));
    println!("Kiosk's status      {}", scene.screen("/staff"));
    println!(
        "Staff pages         {}   account {ADMINISTRATOR}, password {}",
        scene.page("/staff"),
        scene.password
    );
    println!("Check certificates  {}", scene.page("/verify"));
    println!("Badges to scan      file://{}", scene.sheet.display());
    println!(
        "Serial scanners     {} (entrance), {} (exit): write a code and a line's end to one",
        scene.entrance.path().display(),
        scene.exit.path().display()
    );
    match &scene.camera {
        Some(name) => println!(
            "Camera              {name}: print the sheet or take a picture of it, and hold a code before the camera; no picture is kept"
        ),
        None => {
            if !camera::attached().is_empty() {
                println!("Camera              off; `--camera` reads badges with it");
            }
        }
    }
    println!("\n{SESSIONS} sessions of {SESSION_S} s run one after the other, from now on.");
    println!(
        "Type a badge's code, or scan it with a scanner that types, to check in; `out CODE` to check out."
    );
    println!(
        "`report` shows who attended, `issue` issues certificates for what is complete, `quit` ends.\n"
    );
    for person in PEOPLE.iter().take(4) {
        println!("  {}   {}", person.badge, person.name);
    }
    println!();
}

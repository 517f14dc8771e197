//! Records when the kiosk was built, which is the lower end of every time it can believe.

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // Reproducible builds say their date; others take the machine's. A build machine without a clock gives 0, which bounds nothing.
    let built_at_s = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse().ok())
        .or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
            Some(since.as_secs())
        })
        .unwrap_or(0);
    println!("cargo::rustc-env=ROLLCALL_BUILT_AT_S={built_at_s}");
}

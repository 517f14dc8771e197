//! This machine's cameras: which one the demo may read badges with.
//!
//! Contract: looks at the kernel's list and opens nothing. A camera is used only where the user asked for one.

use std::path::Path;

use super::programs::DemoError;

/// Where the kernel lists cameras and whatever else makes or takes pictures.
const CLASS: &str = "/sys/class/video4linux";
/// The most of them that are looked at.
const NODES_MAX: usize = 64;

/// The names of the cameras that are attached, by node.
pub(crate) fn attached() -> Vec<String> {
    attached_in(Path::new(CLASS))
}

fn attached_in(class: &Path) -> Vec<String> {
    let folders = class.read_dir().into_iter().flatten().take(NODES_MAX);
    let mut found: Vec<(u32, String)> = folders
        .filter_map(|folder| {
            let folder = folder.ok()?.path();
            let node = folder.file_name()?.to_str()?.strip_prefix("video")?;
            let node = node.parse().ok()?;
            let text = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
            // Cameras have further nodes, for what they tell beside pictures.
            let is_first = text("index").is_none_or(|nth| nth.trim() == "0");
            is_first.then_some((node, text("name")?.trim().to_owned()))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
}

/// The camera that the user asked for: by name, or the only one. Gives its name.
///
/// # Errors
/// Where there is none, or several and none was named.
pub(crate) fn choose(attached: &[String], wanted: &str) -> Result<String, DemoError> {
    let names = || {
        let quoted = attached.iter().map(|name| format!("\"{name}\""));
        quoted.collect::<Vec<_>>().join(", ")
    };
    let mut fitting = attached
        .iter()
        .filter(|name| wanted.is_empty() || *name == wanted);
    let error = match (fitting.next(), fitting.next()) {
        (Some(name), None) => return Ok(name.clone()),
        (None, _) if attached.is_empty() => {
            "no camera is attached; plug one in, or leave --camera away".to_owned()
        }
        (None, _) => format!("no camera is called \"{wanted}\"; there are: {}", names()),
        (Some(_), Some(_)) if wanted.is_empty() => format!(
            "several cameras are attached; name one of them: --camera={}",
            names()
        ),
        (Some(_), Some(_)) => format!("several cameras are called \"{wanted}\"; unplug one"),
    };
    Err(DemoError::Absent(error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_first_node_of_each_camera_is_one() {
        let class = tempfile::tempdir().unwrap();
        for (node, index, name) in [
            ("video10", "0", "Later"),
            ("video2", "0", "Laptop"),
            ("video3", "1", "Laptop"),
            ("v4l-subdev0", "0", "Sensor"),
        ] {
            let folder = class.path().join(node);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("index"), format!("{index}\n")).unwrap();
            std::fs::write(folder.join("name"), format!("{name}\n")).unwrap();
        }
        assert_eq!(attached_in(class.path()), ["Laptop", "Later"]);
        assert!(attached_in(&class.path().join("absent")).is_empty());
    }

    #[test]
    fn one_camera_is_chosen_or_it_is_said_why_not() {
        let check = |attached: &[&str], wanted: &str, expected: Result<&str, &str>| {
            let attached: Vec<String> = attached.iter().map(|&name| name.to_owned()).collect();
            match (choose(&attached, wanted), expected) {
                (Ok(name), Ok(expected)) => assert_eq!(name, expected),
                (Err(error), Err(expected)) => {
                    let error = error.to_string();
                    assert!(error.contains(expected), "{error}");
                }
                (got, expected) => panic!("{got:?}, not {expected:?}"),
            }
        };
        check(&["A"], "", Ok("A"));
        check(&["A", "B"], "B", Ok("B"));
        check(&[], "", Err("no camera is attached"));
        check(&["A"], "B", Err("there are: \"A\""));
        check(&["A", "B"], "", Err("--camera=\"A\", \"B\""));
        check(&["A", "A"], "A", Err("unplug one"));
    }
}

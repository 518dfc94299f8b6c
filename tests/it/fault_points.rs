//! The list of fault points and the code say the same: each point stands at one place, so that its n-th passing is one
//! moment in a life and not any of many.

use std::path::Path;

use telvisor::fault::POINTS;

/// All sources below a folder but the list itself.
fn sources(folder: &Path, out: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("src/fault.rs") {
            out.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_point_stands_at_one_place() {
    let mut code = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    for (n, point) in POINTS.iter().enumerate() {
        assert!(!POINTS[..n].contains(point), "{point} is listed twice");
        assert_eq!(code.matches(&format!("\"{point}\"")).count(), 1, "{point}");
    }
}

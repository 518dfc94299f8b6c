//! Files that chance has changed: none makes a reader panic, and memory does not grow with what a file claims. In a
//! process of its own, whose memory is looked at. libFuzzer goes on from here (`fuzz/`).

mod check;
#[path = "../../examples/sample_files/draw.rs"]
mod draw;

use std::path::Path;

use draw::Draw;

/// Most memory that the process may take more, in KiB.
const MOST_KIB: u64 = 64 << 10;
/// Longest changed file.
const LONGEST: usize = 8192;

fn setting(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long it may take")]
    std::env::var_os(name).map(|value| value.to_str().and_then(|v| v.parse().ok()).unwrap_or(1))
}

#[test]
fn files_changed_by_chance_are_read_or_refused_in_bounded_memory() {
    let count = if setting("TELVISOR_TEST_FULL").is_some() { 10_000_000 } else { 300_000 };
    let seed = setting("TELVISOR_TEST_SEED").unwrap_or(1);
    println!("TELVISOR_TEST_SEED={seed}");
    let golden: Vec<Vec<u8>> = golden();
    assert!(golden.len() >= 10, "{} golden files", golden.len());
    let before = memory("VmRSS:");
    let (mut draw, mut read_well) = (Draw(seed), 0);
    for _ in 0..count {
        let octets = changed(&golden, &mut draw);
        read_well += u64::from(check::file(&octets));
    }
    let most = memory("VmHWM:") - before;
    assert!(most <= MOST_KIB, "{most} KiB");
    // Neither is every change harmless, nor every file refused: the readers are reached.
    assert!(read_well > count / 200 && read_well < count / 2, "{read_well} of {count} are read");
}

/// Lengths that claim what is not there, and values in values without end.
#[test]
fn files_made_to_swell_are_refused() {
    let before = memory("VmRSS:");
    let mut bad = vec![];
    for length in [[0x84, 0x7f, 0xff, 0xff, 0xff], [0x84, 0xff, 0xff, 0xff, 0xff]] {
        for tag in [0xa1, 0x61, 0x62] {
            bad.push([&[tag][..], &length].concat());
            bad.push([&[tag][..], &length, &[0xa0], &length, &[0xa1], &length].concat());
        }
    }
    for level in [&[0xa1, 0x80][..], &[0x61, 0x80], &[0xbf, 0x1e, 0x80], &[0x30, 0x80], &[0x24, 0x80]] {
        for outer in [&[][..], &[0xa1, 0x80], &[0x61, 0x80, 0xa1, 0x80]] {
            bad.push([outer, &level.repeat(200_000)].concat());
        }
    }
    for field in [0xa1, 0xa3, 0xa4, 0xbe] {
        bad.push(
            [&[0xa1, 0x80, 0x80, 2, 3, 0xe9][..], &[field, 0x80], &[0x24, 0x80].repeat(200_000)].concat(),
        );
    }
    // Behind a whole record's fields, where what is later is skipped.
    if let Some(raw) = golden().iter().find(|file| file[0] == 0xa1) {
        let length = usize::from(raw[1]);
        for level in [&[0xbf, 0x1e, 0x80][..], &[0xbe, 0x80], &[0x30, 0x80]] {
            bad.push([&[0xa1, 0x80], &raw[2..2 + length], &level.repeat(200_000)].concat());
        }
    }
    bad.push([&[0, 0, 0, 58, 0xff, 0xff, 0xff, 0xff][..], &[0xff; 50]].concat());
    bad.push([b"H,".as_slice(), &b"\"".repeat(400_001)].concat());
    bad.push([b"H,".as_slice(), &b",".repeat(400_000), b"\r\n"].concat());
    for octets in &bad {
        assert!(!check::file(octets), "{:02x?}", &octets[..octets.len().min(32)]);
    }
    let most = memory("VmHWM:") - before;
    assert!(most <= MOST_KIB, "{most} KiB");
}

fn golden() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("golden files").map(|f| f.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// A golden file with one to four changes.
fn changed(golden: &[Vec<u8>], draw: &mut Draw) -> Vec<u8> {
    let mut octets = golden[draw.below(golden.len() as u64) as usize].clone();
    for _ in 0..1 + draw.below(4) {
        change(&mut octets, golden, draw);
    }
    octets.truncate(LONGEST);
    octets
}

fn change(octets: &mut Vec<u8>, golden: &[Vec<u8>], draw: &mut Draw) {
    if octets.is_empty() {
        octets.push(draw.next() as u8);
    }
    let at = draw.below(octets.len() as u64) as usize;
    let end = (at + 1 + draw.below(40) as usize).min(octets.len());
    // Ends of numbers and lengths, and what begins or ends something.
    let telling = draw
        .of(&[0, 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff, 0xa1, 0x61, 0x62, b',', b'"', b'\r', b'\n', b'9']);
    match draw.below(8) {
        0 => octets[at] = telling,
        1 => octets[at] ^= 1 << draw.below(8),
        2 => octets.insert(at, telling),
        3 => drop(octets.drain(at..end)),
        4 => octets.truncate(at),
        5 => {
            let piece = octets[at..end].to_vec();
            octets.splice(at..at, piece);
        }
        6 => {
            let other = &golden[draw.below(golden.len() as u64) as usize];
            let from = draw.below(other.len() as u64) as usize;
            octets.splice(at..end, other[from..].iter().take(64).copied());
        }
        _ => octets[at] = octets[at].wrapping_add(draw.of(&[1, 255])),
    }
}

/// A line of the process's state, in KiB.
fn memory(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("a state");
    let line = text.lines().find_map(|l| l.strip_prefix(name)).expect("such a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

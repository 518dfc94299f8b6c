//! The other sides, each a process of its own that does a round when it is told to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Failure;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/sdr");
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SDR-DataTypes.asn1");

pub struct Peer {
    child: Child,
    /// Closed to end it.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// asn1c makes the encoder from the published module, gcc compiles it.
    pub fn asn1c(folder: &Path, records: &Path) -> Result<Self, Failure> {
        let build = folder.join("asn1c");
        std::fs::remove_dir_all(&build).or_else(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(e),
        })?;
        std::fs::create_dir_all(&build)?;
        run(Command::new("asn1c").args(["-fcompound-names", MODULE]).current_dir(&build))?;
        std::fs::remove_file(build.join("converter-sample.c"))?;
        let compile = format!("gcc -O2 -w -I. -o encoder *.c {HERE}/encoder.c");
        run(Command::new("sh").args(["-c", &compile]).current_dir(&build))?;
        Self::start(Command::new(build.join("encoder")).arg(records))
    }

    pub fn python(rows: &Path) -> Result<Self, Failure> {
        Self::start(Command::new("python3").arg(format!("{HERE}/writer.py")).arg(rows))
    }

    /// None where there is no Go.
    pub fn go(folder: &Path, rows: &Path) -> Result<Option<Self>, Failure> {
        if Command::new("go").arg("version").stdout(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let program = folder.join("writer-go");
        run(Command::new("go").arg("build").arg("-o").arg(&program).arg(format!("{HERE}/writer.go")))?;
        Self::start(Command::new(program).arg(rows)).map(Some)
    }

    fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("its output is piped")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Seconds of processor time of one round.
    pub fn round(&mut self) -> Result<f64, Failure> {
        self.input.as_mut().ok_or("it has ended")?.write_all(b"\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let nanoseconds: u64 = line.trim().parse().map_err(|_| format!("{:?} said {line:?}", self.child))?;
        Ok(Duration::from_nanos(nanoseconds).as_secs_f64())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.input = None;
        match self.child.wait() {
            Ok(status) if status.success() => {}
            // 5: it makes other octets than we do.
            ended => println!("A side ended with {ended:?}: there is nothing to compare."),
        }
    }
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let done = command.output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr)).into())
}

/// Processor time of this thread.
pub fn used() -> Result<Duration, Failure> {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Ok(Duration::new(t.tv_sec.try_into()?, t.tv_nsec.try_into()?))
}

//! The command line's way in: parse, run, print what went wrong, and end with a status.

use std::io::BufWriter;
use std::process::ExitCode;
use std::time::Duration;

use telvisor::cli::{self, Cli, Out, Stop, complain};

/// Orders and messages are many small pieces that come and go (docs/adr/0029).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A wrong flag ends here with status 2.
    let cli = Cli::from_process();
    let mut stdout = BufWriter::new(std::io::stdout());
    let mut out = Out::new(&mut stdout, cli.global.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            complain(&format!("no threads can be started: {e}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(cli::run(cli, &mut out));
    // What still reads a file or a name at this point is waited for by nobody.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended.and_then(|status| out.flush().map(|()| status)) {
        Ok(status) => ExitCode::from(status),
        Err(error) => match error.downcast_ref::<Stop>() {
            // The reader has seen enough, as with `| head`.
            Some(Stop::OutputClosed) => ExitCode::SUCCESS,
            Some(Stop::Usage(message)) => {
                complain(message);
                ExitCode::from(2)
            }
            None => {
                complain(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        },
    }
}

//! The supervisor's own side: starts the engine, hands on what it prints, and ends it in order.

use std::fs::{self, File};
use std::io::{self, Read, Stdin};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::process::{self, Identity};
use super::protocol::{COMMAND_CANCEL, EndReason, Exit, KIND_EXIT, MAX_FRAME, OutputStream, Spec, write_frame};
use super::spill::{Outlet, create_private};
use super::{EXIT_FILE, PID_FILE, SPILL_FILE};

/// How long the end waits for processes that cannot be killed, and for output that nobody closes.
const WIND_DOWN: Duration = Duration::from_secs(5);

/// What can happen while an engine runs.
enum Event {
    /// The runner wants an end.
    Cancel,
    /// Somebody else wants one: whoever manages the machine's processes.
    Signalled,
    ParentLost,
    /// The engine itself has ended; without a status when it was not to be had.
    Ended(Option<WaitStatus>),
    /// One of the two output streams is closed.
    OutputClosed,
}

type SharedOutlet = Arc<Mutex<Outlet<File>>>;

/// `flagstone-server supervise`. Ends with code 0 when the engine was run, however that ended; 2 when there was no
/// usable spec.
pub fn main() -> ExitCode {
    let mut input = io::stdin();
    let spec = match Spec::decode(&mut input) {
        Ok(spec) => spec,
        Err(error) => {
            // Only a person who started this by hand ever sees it.
            eprintln!("flagstone supervise: no usable spec on standard input: {error}");
            return ExitCode::from(2);
        }
    };
    // Not `io::stdout()`: that one buffers by lines, and these are frames.
    let runner = match io::stdout().as_fd().try_clone_to_owned() {
        Ok(stdout) => File::from(stdout),
        Err(error) => {
            eprintln!("flagstone supervise: no standard output: {error}");
            return ExitCode::from(2);
        }
    };
    let outlet = Arc::new(Mutex::new(Outlet::new(runner, spec.control_dir.join(SPILL_FILE))));
    let mut exit = match supervise(&spec, input, &outlet) {
        Ok(exit) => exit,
        Err(error) => {
            // Should it have been the watching that failed, the engine must not go on unwatched.
            process::kill_descendants(WIND_DOWN);
            Exit::without_process(EndReason::NotStarted, format!("{} did not start: {error}", spec.program.display()))
        }
    };
    // The file first: with it a restarted runner knows the end even if this one never reads the last frame.
    let mut outlet = lock(&outlet);
    (exit.spilled, exit.dropped) = outlet.counts();
    let json = serde_json::to_vec(&exit).unwrap_or_default();
    let _ = write_atomically(&spec.control_dir.join(EXIT_FILE), &json);
    if let Some(runner) = outlet.runner() {
        let _ = write_frame(runner, KIND_EXIT, &json);
    }
    ExitCode::SUCCESS
}

fn supervise(spec: &Spec, input: Stdin, outlet: &SharedOutlet) -> io::Result<Exit> {
    write_atomically(&spec.control_dir.join(PID_FILE), &serde_json::to_vec(&Identity::own())?)?;
    process::adopt_orphans()?;
    let (events, inbox) = channel();
    // Before the engine starts, so that no signal can end the supervisor and leave the engine alone.
    watch_signals(events.clone())?;
    let mut child = Command::new(&spec.program)
        .args(&spec.args)
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(&spec.env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let engine = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    let mut readers = 0;
    if let Some(stdout) = child.stdout.take() {
        forward(OutputStream::Stdout, stdout, outlet.clone(), events.clone())?;
        readers += 1;
    }
    if let Some(stderr) = child.stderr.take() {
        forward(OutputStream::Stderr, stderr, outlet.clone(), events.clone())?;
        readers += 1;
    }
    watch_runner(input, events.clone())?;
    watch_children(engine, events)?;
    Ok(Watch { inbox, engine, outlet, readers }.until_ended(spec))
}

/// The engine while it runs.
struct Watch<'a> {
    inbox: Receiver<Event>,
    engine: Pid,
    outlet: &'a SharedOutlet,
    /// Output streams that are still open.
    readers: u32,
}

/// How far the way from asking to killing has gone.
enum Ladder {
    Running,
    Interrupted { terminate_at: Instant },
    Terminated { kill_at: Instant },
    Killed,
}

impl Watch<'_> {
    fn until_ended(mut self, spec: &Spec) -> Exit {
        let hard_limit = Instant::now() + Duration::from_millis(spec.hard_timeout_ms);
        let mut ladder = Ladder::Running;
        let mut reason = EndReason::Exited;
        let status = loop {
            let next = match ladder {
                Ladder::Running => Some(hard_limit),
                Ladder::Interrupted { terminate_at } => Some(terminate_at),
                Ladder::Terminated { kill_at } => Some(kill_at),
                Ladder::Killed => None,
            };
            let cause = match self.next_event(next) {
                Some(Event::Ended(status)) => break status,
                Some(Event::OutputClosed) => {
                    self.readers = self.readers.saturating_sub(1);
                    continue;
                }
                Some(Event::Cancel) => Some(EndReason::Cancelled),
                Some(Event::ParentLost | Event::Signalled) => Some(EndReason::ParentLost),
                // A time is over: the limit of the job, or a wait of the ladder.
                None => None,
            };
            ladder = match (ladder, cause) {
                (Ladder::Running, cause) => {
                    reason = cause.unwrap_or(EndReason::Timeout);
                    process::signal_group(self.engine, Signal::INT);
                    Ladder::Interrupted { terminate_at: Instant::now() + spec.grace.interrupt() }
                }
                // Further causes do not hurry the ladder: a second SIGINT would make Terraform drop its state.
                (on_its_way, Some(_)) => on_its_way,
                (Ladder::Interrupted { .. }, None) => {
                    process::signal_group(self.engine, Signal::TERM);
                    Ladder::Terminated { kill_at: Instant::now() + spec.grace.terminate() }
                }
                (Ladder::Terminated { .. } | Ladder::Killed, None) => {
                    process::signal_group(self.engine, Signal::KILL);
                    Ladder::Killed
                }
            };
        };
        // Whatever the engine left behind must not go on changing things, and holds the output open.
        process::kill_descendants(WIND_DOWN);
        self.drain();
        Exit {
            reason,
            code: status.and_then(WaitStatus::exit_status),
            signal: status.and_then(WaitStatus::terminating_signal),
            message: None,
            spilled: 0,
            dropped: 0,
        }
    }

    /// The next event, or nothing when `until` has come first.
    fn next_event(&self, until: Option<Instant>) -> Option<Event> {
        let wait = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        let event = match self.inbox.recv_timeout(wait) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => return None,
            // Every thread has gone, that of the children too, which tells the end first.
            Err(RecvTimeoutError::Disconnected) => Event::Ended(None),
        };
        // Stop writing to a runner that is gone. A thread in the middle of a write finds out by itself.
        if matches!(event, Event::ParentLost)
            && let Ok(mut outlet) = self.outlet.try_lock()
        {
            outlet.lose_runner();
        }
        Some(event)
    }

    /// Waits until all output has been handed on. A runner that reads slowly may take its time; a stream that somebody
    /// unknown holds open may not.
    fn drain(&mut self) {
        while self.readers > 0 {
            match self.inbox.recv_timeout(WIND_DOWN) {
                Ok(Event::OutputClosed) => self.readers -= 1,
                Ok(_) => {}
                // A reader in the middle of a write holds the lock: its runner is slow, not gone.
                Err(RecvTimeoutError::Timeout) if self.outlet.try_lock().is_err() => {}
                Err(_) => break,
            }
        }
    }
}

/// A panic of another thread does not make the outlet unusable.
fn lock(outlet: &SharedOutlet) -> MutexGuard<'_, Outlet<File>> {
    outlet.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands on one output stream until it is closed.
fn forward(
    stream: OutputStream,
    mut from: impl Read + Send + 'static,
    outlet: SharedOutlet,
    events: Sender<Event>,
) -> io::Result<()> {
    start("output", move || {
        let mut buffer = vec![0; MAX_FRAME];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => {
                    if !lock(&outlet).output(stream, &buffer[..len]) {
                        let _ = events.send(Event::ParentLost);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = events.send(Event::OutputClosed);
    })
}

/// Listens to the runner until it is gone.
fn watch_runner(mut input: Stdin, events: Sender<Event>) -> io::Result<()> {
    start("runner", move || {
        let mut command = [0];
        loop {
            match input.read(&mut command) {
                Ok(1) if command[0] == COMMAND_CANCEL => {
                    let _ = events.send(Event::Cancel);
                }
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        let _ = events.send(Event::ParentLost);
    })
}

/// A signal to the supervisor itself, from a service manager that stops everything, ends the engine in order too.
fn watch_signals(events: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    start("signals", move || {
        for _ in &mut signals {
            let _ = events.send(Event::Signalled);
        }
    })
}

/// Reaps children, adopted orphans among them, until the engine itself has ended.
fn watch_children(engine: Pid, events: Sender<Event>) -> io::Result<()> {
    start("children", move || {
        loop {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) if pid == engine => {
                    let _ = events.send(Event::Ended(Some(status)));
                    return;
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => {
                    let _ = events.send(Event::Ended(None));
                    return;
                }
            }
        }
    })
}

/// A thread with a small stack: there are five for every engine.
fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).stack_size(128 * 1024).spawn(body)?;
    Ok(())
}

/// Writes a file so that a reader sees all of it or none.
fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    io::Write::write_all(&mut create_private(&draft)?, bytes)?;
    fs::rename(draft, path)
}

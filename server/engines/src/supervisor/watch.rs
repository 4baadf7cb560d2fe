//! The supervisor's own side: starts the engine, hands on what it prints, and ends it in order.

use std::fs::{self, File};
use std::io::{self, Read, Stdin};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::launch::{self, Launch};
use super::memory::{self, Pressure};
use super::process::{self, Identity};
use super::protocol::{COMMAND_CANCEL, EndReason, Exit, KIND_EXIT, MAX_FRAME, OutputStream, Spec, write_frame};
use super::spill::{Outlet, create_private};
use super::{EXIT_FILE, LAUNCH_FILE, PID_FILE, SPILL_FILE};
use crate::confine::Limit;
use crate::confine::cgroup::Cgroup;

/// How long the end waits for processes that cannot be killed, and for output that nobody closes.
const WIND_DOWN: Duration = Duration::from_secs(5);

/// What can happen while an engine runs.
enum Event {
    /// The runner wants an end.
    Cancel,
    /// Somebody else wants one: whoever manages the machine's processes.
    Signalled,
    ParentLost,
    /// The engine and what it started have more memory than they may.
    Memory(Pressure),
    /// The engine itself has ended; without a status when it was not to be had.
    Ended(Option<WaitStatus>),
    /// One of the two output streams is closed.
    OutputClosed,
}

type SharedOutlet = Arc<Mutex<Outlet<File>>>;

/// `flagstone-server supervise`. Ends with code 0 when the engine was run, however that ended; 2 when there was no
/// usable spec. It also calls itself with further arguments, to become an engine: see `launch`.
pub fn main() -> ExitCode {
    if let Some(code) = launch::if_asked(std::env::args_os()) {
        return code;
    }
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
    let not_started = |why: &str| {
        Exit::without_process(EndReason::NotStarted, format!("{} did not start: {why}", spec.program.display()))
    };
    let mut exit = match supervise(&spec, input, &outlet) {
        Ok(exit) => exit,
        Err(error) => {
            // Should it have been the watching that failed, the engine must not go on unwatched.
            process::kill_descendants(WIND_DOWN);
            not_started(&error.to_string())
        }
    };
    if let Ok(why) = fs::read_to_string(spec.control_dir.join(LAUNCH_FILE)) {
        exit = not_started(&why);
    }
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
    let cgroup = match &spec.cgroup {
        Some(parent) => Some(Cgroup::create(parent, &group_name(&spec.control_dir), &spec.limits)?),
        None => None,
    };
    let ended = run(spec, input, outlet, cgroup.as_ref(), events, inbox);
    if let Some(cgroup) = cgroup {
        cgroup.remove();
    }
    ended
}

/// A name that no other run on the machine has: that of the job's directory and that of the run.
fn group_name(control_dir: &Path) -> String {
    let name = |path: Option<&Path>| path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    format!("{}.{}", name(control_dir.ancestors().nth(2)), name(Some(control_dir)))
}

fn run(
    spec: &Spec,
    input: Stdin,
    outlet: &SharedOutlet,
    cgroup: Option<&Cgroup>,
    events: Sender<Event>,
    inbox: Receiver<Event>,
) -> io::Result<Exit> {
    let launch = Launch {
        limits: spec.limits,
        cgroup_processes: cgroup.map(Cgroup::processes_file),
        report: spec.control_dir.join(LAUNCH_FILE),
    };
    let mut child = launch
        .command(&spec.program, &spec.args)?
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
    if let (Some(most), None) = (spec.limits.memory_bytes, cgroup) {
        let told = events.clone();
        start("memory", move || memory::watch(most, |pressure| told.send(Event::Memory(pressure)).is_ok()))?;
    }
    watch_children(engine, events)?;
    Ok(Watch { inbox, engine, outlet, readers, cgroup }.until_ended(spec))
}

/// The engine while it runs.
struct Watch<'a> {
    inbox: Receiver<Event>,
    engine: Pid,
    outlet: &'a SharedOutlet,
    /// Output streams that are still open.
    readers: u32,
    cgroup: Option<&'a Cgroup>,
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
        let mut is_too_much = false;
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
                Some(Event::Memory(pressure)) => {
                    is_too_much = true;
                    if pressure == Pressure::Severe {
                        self.signal(spec, Signal::KILL);
                    }
                    Some(EndReason::Limit)
                }
                // A time is over: the limit of the job, or a wait of the ladder.
                None => None,
            };
            ladder = match (ladder, cause) {
                (Ladder::Running, cause) => {
                    reason = cause.unwrap_or(EndReason::Timeout);
                    self.signal(spec, Signal::INT);
                    Ladder::Interrupted { terminate_at: Instant::now() + spec.grace.interrupt() }
                }
                // Further causes do not hurry the ladder: a second SIGINT would make Terraform drop its state.
                (on_its_way, Some(_)) => on_its_way,
                (Ladder::Interrupted { .. }, None) => {
                    self.signal(spec, Signal::TERM);
                    Ladder::Terminated { kill_at: Instant::now() + spec.grace.terminate() }
                }
                (Ladder::Terminated { .. } | Ladder::Killed, None) => {
                    self.signal(spec, Signal::KILL);
                    Ladder::Killed
                }
            };
        };
        // Whatever the engine left behind must not go on changing things, and holds the output open.
        process::kill_descendants(WIND_DOWN);
        self.drain();
        let (code, signal) =
            (status.and_then(WaitStatus::exit_status), status.and_then(WaitStatus::terminating_signal));
        let limit = if is_too_much || self.cgroup.is_some_and(Cgroup::ran_out_of_memory) {
            Some(Limit::Memory)
        } else {
            // A shell tells a program's end by a signal as 128 more than its number.
            let signal = signal.or(code.map(|code| code - 128));
            let is = |which: Signal| signal == Some(which.as_raw());
            let cpu = (spec.limits.cpu_seconds.is_some() && is(Signal::XCPU)).then_some(Limit::Cpu);
            cpu.or((spec.limits.file_bytes.is_some() && is(Signal::XFSZ)).then_some(Limit::FileSize))
        };
        Exit { reason, code, signal, message: None, spilled: 0, dropped: 0, limit }
    }

    /// Sends a signal to the engine and what is in its process group. The process of a sandbox would end by all but the
    /// last of them and take the engine along before it has stored its state.
    fn signal(&self, spec: &Spec, signal: Signal) {
        if spec.sandboxed && signal != Signal::KILL {
            process::signal_followers(self.engine, signal);
        } else {
            process::signal_group(self.engine, signal);
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

/// A thread with a small stack: there are half a dozen for every engine.
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

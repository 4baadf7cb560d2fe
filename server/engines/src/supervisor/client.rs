//! The runner's side of a supervisor.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::codec::{Decoder, FramedRead};

use super::protocol::{
    COMMAND_CANCEL, EndReason, Exit, KIND_EXIT, KIND_STDERR, KIND_STDOUT, MAX_FRAME, OutputStream, Spec,
};

/// How to start a supervisor.
#[derive(Clone, Debug)]
pub struct SupervisorCommand {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

impl SupervisorCommand {
    /// This very program with the argument `supervise`, even when its file has been replaced since it was started.
    pub fn own() -> io::Result<Self> {
        let program =
            if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe()? };
        Ok(Self { program, args: vec!["supervise".into()] })
    }

    /// A program that is nothing but a supervisor, such as `flagstone-supervise`.
    pub fn program(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new() }
    }
}

/// Some of what the engine printed, as it was read: not cut into lines, not masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub stream: OutputStream,
    /// At most 64 KiB.
    pub bytes: Bytes,
}

/// An engine under its supervisor. When it is dropped before the end, the supervisor takes that for the loss of the
/// runner and ends the engine in order, by itself.
pub struct Supervised {
    supervisor: Child,
    commands: ChildStdin,
    frames: FramedRead<ChildStdout, FrameDecoder>,
    exit: Option<Exit>,
}

impl Supervised {
    /// Starts a supervisor and gives it `spec`, whose control directory must exist. That the engine itself cannot be
    /// started is not an error here but an [`Exit`] with [`EndReason::NotStarted`].
    pub async fn spawn(spec: &Spec, command: &SupervisorCommand) -> io::Result<Self> {
        let message = spec.encode()?;
        let mut supervisor = Command::new(&command.program)
            .args(&command.args)
            // It needs nothing of the server's environment, which may hold secrets, and lives longer than the server.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C in the server's terminal reaches the server alone.
            .process_group(0)
            .spawn()?;
        let (Some(mut commands), Some(output)) = (supervisor.stdin.take(), supervisor.stdout.take()) else {
            return Err(io::Error::other("the supervisor has no pipes"));
        };
        commands.write_all(&message).await?;
        commands.flush().await?;
        let frames = FramedRead::with_capacity(output, FrameDecoder, MAX_FRAME + 5);
        Ok(Self { supervisor, commands, frames, exit: None })
    }

    /// What the engine printed next; nothing when it has ended and all of it was given. May be dropped while it waits
    /// and called again: nothing is lost.
    pub async fn next(&mut self) -> Option<Frame> {
        if self.exit.is_some() {
            return None;
        }
        match self.frames.next().await {
            Some(Ok(Message::Output(frame))) => return Some(frame),
            Some(Ok(Message::Exit(exit))) => self.exit = Some(exit),
            Some(Err(error)) => self.exit = Some(Exit::without_process(EndReason::SupervisorLost, error.to_string())),
            None => self.exit = Some(Exit::without_process(EndReason::SupervisorLost, "the supervisor was killed")),
        }
        None
    }

    /// Asks for the engine to be stopped in order. Go on reading until the end.
    pub async fn cancel(&mut self) {
        // A supervisor that is gone has nothing to cancel; `next` tells.
        let _ = self.commands.write_all(&[COMMAND_CANCEL]).await;
        let _ = self.commands.flush().await;
    }

    /// Waits for the end. What the engine still prints meanwhile is dropped.
    pub async fn wait(mut self) -> Exit {
        while self.next().await.is_some() {}
        // Reaped, so that no zombie stays behind; how it ended was told in its last frame.
        let _ = self.supervisor.wait().await;
        self.exit.unwrap_or_else(|| Exit::without_process(EndReason::SupervisorLost, "the supervisor was killed"))
    }
}

enum Message {
    Output(Frame),
    Exit(Exit),
}

struct FrameDecoder;

impl Decoder for FrameDecoder {
    type Item = Message;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Message>, io::Error> {
        let Some((&[kind, a, b, c, d], rest)) = buffer.split_first_chunk::<5>() else { return Ok(None) };
        let len = u32::from_be_bytes([a, b, c, d]) as usize;
        if len > MAX_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of the supervisor is too long"));
        }
        if rest.len() < len {
            buffer.reserve(5 + len - buffer.len());
            return Ok(None);
        }
        buffer.advance(5);
        let bytes = buffer.split_to(len).freeze();
        match kind {
            KIND_STDOUT => Ok(Some(Message::Output(Frame { stream: OutputStream::Stdout, bytes }))),
            KIND_STDERR => Ok(Some(Message::Output(Frame { stream: OutputStream::Stderr, bytes }))),
            KIND_EXIT => Ok(Some(Message::Exit(serde_json::from_slice(&bytes)?))),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of the supervisor has an unknown kind")),
        }
    }
}

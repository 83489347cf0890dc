use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use serde_json::Value;

use super::Scenario;

/// A child process with pipes on all sides. Killed when dropped.
pub struct Process {
    name: String,
    scenario: Scenario,
    child: Child,
    stdin: Option<ChildStdin>,
    heard: Receiver<Heard>,
    /// How many of stdout and stderr are not at their end.
    open: usize,
    ending: Ending,
    /// Lines of stdout that nobody has waited for yet.
    unclaimed: Vec<String>,
}

/// What a process has said, and how it ended.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// The exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

enum Heard {
    Stdout(String),
    Stderr(String),
    End,
}

impl Process {
    /// Starts a program. The name is for failures.
    pub fn start(scenario: &Scenario, name: impl Into<String>, command: &mut Command) -> Self {
        let name = name.into();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (sender, heard) = channel();
        read_lines(child.stdout.take().unwrap(), sender.clone(), Heard::Stdout);
        read_lines(child.stderr.take().unwrap(), sender, Heard::Stderr);
        let stdin = child.stdin.take();
        let scenario = scenario.clone();
        Self {
            name,
            scenario,
            child,
            stdin,
            heard,
            open: 2,
            ending: Ending::default(),
            unclaimed: Vec::new(),
        }
    }

    /// Waits for a line of stdout, or takes one that has come already. All lines must be JSON.
    pub fn wait_for(&mut self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let mut looked_at = 0;
        loop {
            while looked_at < self.unclaimed.len() {
                let line = json(&self.name, &self.unclaimed[looked_at]);
                if wanted(&line) {
                    self.unclaimed.remove(looked_at);
                    return line;
                }
                looked_at += 1;
            }
            if !self.hear() {
                panic!("{} ended without {what}", self.name);
            }
        }
    }

    /// Waits for the line `{"event": ...}`. An error instead is a failure.
    pub fn event(&mut self, event: &str) -> Value {
        let line = self.wait_for(event, |line| line["event"] == event || line["event"] == "error");
        assert_eq!(line["event"], event, "{}: {line}", self.name);
        line
    }

    /// Writes a line to stdin.
    pub fn tell(&mut self, line: &Value) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Writes to stdin.
    pub fn write(&mut self, octets: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(octets).unwrap_or_else(|error| panic!("{} does not listen: {error}", self.name));
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// SIGINT, as Ctrl-C does it.
    pub fn interrupt(&self) {
        // The process is not reaped before `finish`, so the id is its own.
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(status.success(), "kill -INT {}", self.name);
    }

    /// SIGKILL. Nothing is left of it afterwards.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until the process has ended by itself.
    pub fn finish(mut self) -> Ending {
        while self.hear() {}
        // It has closed its stdout and stderr, so this is the last that it does.
        let status = self.child.wait().unwrap();
        self.scenario.heard(&self.name, &format!("ended: {status}"));
        self.ending.status = status.code();
        std::mem::take(&mut self.ending)
    }

    /// Waits for a line or the end of a stream; false when both have ended.
    fn hear(&mut self) -> bool {
        while self.open > 0 {
            match self.heard.recv_timeout(self.scenario.time_left()) {
                Ok(Heard::Stdout(line)) => {
                    self.scenario.heard(&self.name, &line);
                    self.ending.stdout.push(line.clone());
                    self.unclaimed.push(line);
                    return true;
                }
                Ok(Heard::Stderr(line)) => {
                    self.scenario.heard(&self.name, &format!("(stderr) {line}"));
                    self.ending.stderr.push(line);
                    return true;
                }
                Ok(Heard::End) => self.open -= 1,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{}: the time limit of the test has passed", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => self.open = 0,
            }
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // For the transcript of a failure; the pipes have ended.
        for heard in self.heard.try_iter() {
            match heard {
                Heard::Stdout(line) => self.scenario.heard(&self.name, &line),
                Heard::Stderr(line) => self.scenario.heard(&self.name, &format!("(stderr) {line}")),
                Heard::End => {}
            }
        }
    }
}

impl Ending {
    /// stdout, every line of which must be JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        self.stdout.iter().map(|line| json("the program", line)).collect()
    }

    /// The last line of stdout.
    #[track_caller]
    pub fn last(&self) -> Value {
        self.json().pop().expect("a line on stdout")
    }
}

#[track_caller]
fn json(name: &str, line: &str) -> Value {
    serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("{name} wrote what is no JSON: {line:?}: {error}"))
}

fn read_lines(stream: impl Read + Send + 'static, sender: Sender<Heard>, heard: fn(String) -> Heard) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut octets = Vec::new();
        while stream.read_until(b'\n', &mut octets).is_ok_and(|length| length > 0) {
            let line = String::from_utf8_lossy(&octets);
            if sender.send(heard(line.trim_end_matches(['\r', '\n']).to_owned())).is_err() {
                return;
            }
            octets.clear();
        }
        let _ = sender.send(Heard::End);
    });
}

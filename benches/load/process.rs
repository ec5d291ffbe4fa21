//! Programs that are measured: started, asked for their address, ended; and what `/proc` says of them.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Clock ticks in a second of `/proc/<pid>/stat`: fixed in the kernel's interface, whatever its own clock does.
const TICKS: f64 = 100.0;

/// A server that says where it listens with a line like `… is ready: http://127.0.0.1:4711 …`.
pub struct Server {
    child: Child,
    /// Kept open, so that the program can go on writing.
    _output: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it listens.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        loop {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                child.wait()?;
                return Err(io::Error::other("a server ended before it listened"));
            }
            let address = line
                .split_once(" is ready: http://")
                .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
            if let Some(address) = address {
                return Ok(Self {
                    child,
                    _output: output,
                    address,
                });
            }
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is kept, so that it need not end gracefully.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// CPU seconds that a process has used, in user and kernel mode.
pub fn cpu(pid: u32) -> f64 {
    let stat = stat(pid);
    ticks(&stat, 11) + ticks(&stat, 12)
}

/// CPU seconds of a process and of all its children, those that have ended included.
pub fn cpu_with_children(pid: u32) -> f64 {
    let own = stat(pid);
    let ended = ticks(&own, 13) + ticks(&own, 14);
    let alive: f64 = children(pid).into_iter().map(cpu).sum();
    ticks(&own, 11) + ticks(&own, 12) + ended + alive
}

/// The parent of a process.
pub fn parent(pid: u32) -> Option<u32> {
    stat(pid).get(1)?.parse().ok()
}

/// Memory of a process in bytes: resident, and its proportional share.
pub fn memory(pid: u32) -> (u64, u64) {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kibibytes = |name: &str| -> u64 {
        let line = rollup.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        number.unwrap_or(0)
    };
    (kibibytes("Rss:") << 10, kibibytes("Pss:") << 10)
}

fn children(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&other| parent(other) == Some(pid))
        .collect()
}

/// The fields of `/proc/<pid>/stat` after the name: 0 is the state, 1 the parent, 11 to 14 are the times.
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit_once(") ").map_or("", |(_, fields)| fields);
    fields.split_whitespace().map(str::to_owned).collect()
}

fn ticks(stat: &[String], field: usize) -> f64 {
    let ticks: f64 = stat.get(field).and_then(|field| field.parse().ok()).unwrap_or(0.0);
    ticks / TICKS
}

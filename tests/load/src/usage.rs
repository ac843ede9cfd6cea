//! What processes take from the machine, from `/proc`. Elsewhere than on Linux all of it is 0.

use std::{fs, io, process, time::Instant};

/// The kernel counts CPU time for programs in hundredths of a second.
const TICKS_PER_S: f64 = 100.0;

/// Where user and system time stand in `/proc/PID/stat`, counted behind the command's name.
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// Busy kinds of `/proc/stat`'s first line: user, nice, system, irq, softirq, steal; not idle and
/// not waiting for the disk.
const BUSY_TICKS: [usize; 6] = [0, 1, 2, 5, 6, 7];

/// What was used while something was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// How long that was.
    pub seconds: f64,
    /// CPU time of the servers, seconds.
    pub server_cpu_s: f64,
    /// CPU time of the generator, seconds.
    pub client_cpu_s: f64,
    /// CPU time of everything else on the machine, seconds.
    pub other_cpu_s: f64,
    /// What the servers had written to disk, bytes.
    pub written_bytes: u64,
    /// Memory of the servers at the end, bytes.
    pub resident_bytes: u64,
}

/// Counts from when it was made.
pub(crate) struct Meter {
    start: Instant,
    pids: Vec<u32>,
    servers_cpu_s: f64,
    client_cpu_s: f64,
    machine_cpu_s: f64,
    written_bytes: u64,
}

impl Meter {
    pub(crate) fn new(pids: &[u32]) -> Self {
        Self {
            start: Instant::now(),
            pids: pids.to_vec(),
            servers_cpu_s: pids.iter().map(|pid| cpu_s(*pid)).sum(),
            client_cpu_s: cpu_s(process::id()),
            machine_cpu_s: machine_cpu_s(),
            written_bytes: pids.iter().map(|pid| written_bytes(*pid)).sum(),
        }
    }

    pub(crate) fn read(&self) -> Usage {
        let now = Self::new(&self.pids);
        let server_cpu_s = now.servers_cpu_s - self.servers_cpu_s;
        let client_cpu_s = now.client_cpu_s - self.client_cpu_s;
        let all = now.machine_cpu_s - self.machine_cpu_s;
        Usage {
            seconds: (now.start - self.start).as_secs_f64(),
            server_cpu_s,
            client_cpu_s,
            other_cpu_s: (all - server_cpu_s - client_cpu_s).max(0.0),
            written_bytes: now.written_bytes - self.written_bytes,
            resident_bytes: self.pids.iter().map(|pid| resident_bytes(*pid)).sum(),
        }
    }
}

fn cpu_s(pid: u32) -> f64 {
    cpu_ticks(&read(&format!("/proc/{pid}/stat"))) / TICKS_PER_S
}

fn cpu_ticks(stat: &str) -> f64 {
    // The command's name is in parentheses and may contain anything.
    let behind_name = stat.rsplit(") ").next().unwrap_or_default();
    numbers(behind_name, &[USER_TICKS, SYSTEM_TICKS])
}

fn machine_cpu_s() -> f64 {
    let stat = read("/proc/stat");
    let line = stat.lines().next().unwrap_or_default();
    let counts = line.strip_prefix("cpu").unwrap_or_default().trim_start();
    numbers(counts, &BUSY_TICKS) / TICKS_PER_S
}

/// The sum of the words at these places.
fn numbers(text: &str, places: &[usize]) -> f64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |place: &usize| words.get(*place)?.parse::<f64>().ok();
    places.iter().filter_map(number).sum()
}

/// Memory of a process, bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    field(&read(&format!("/proc/{pid}/status")), "VmRSS:") * 1024
}

/// The most memory that a process had since [`forget_peak`], bytes.
pub(crate) fn peak_bytes(pid: u32) -> u64 {
    field(&read(&format!("/proc/{pid}/status")), "VmHWM:") * 1024
}

/// Has the kernel look for a new peak.
pub(crate) fn forget_peak(pid: u32) -> io::Result<()> {
    const PEAK: &str = "5";
    fs::write(format!("/proc/{pid}/clear_refs"), PEAK)
}

fn written_bytes(pid: u32) -> u64 {
    field(&read(&format!("/proc/{pid}/io")), "write_bytes:")
}

/// The number behind a name at the beginning of a line; 0 if there is none.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_a_name_that_may_contain_anything() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 77 1000 25";
        assert_eq!(cpu_ticks(stat), 300.0);
        assert_eq!(cpu_ticks(""), 0.0);
    }

    #[test]
    fn fields_are_found_by_the_beginning_of_their_line() {
        let io = "wchar: 7\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n";
        assert_eq!(field(io, "write_bytes:"), 8192);
        assert_eq!(field("VmHWM:\t  9 kB\nVmRSS:\t  8 kB\n", "VmRSS:"), 8);
        assert_eq!(field("", "VmRSS:"), 0);
    }
}

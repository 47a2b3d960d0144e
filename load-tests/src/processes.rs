//! What processes have used: CPU seconds and memory, from `/proc`.

use std::{fs, time::Duration};

use serde::Serialize;

/// Ticks of the kernel's CPU accounting in a second: 100 on every Linux since 2.6 (`USER_HZ`).
const TICKS_A_SECOND: u64 = 100;

/// What a process has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    /// CPU time of the process itself, user and system.
    pub cpu: Duration,
    /// The most memory that it held at a time, bytes.
    pub peak_rss: u64,
}

impl Usage {
    /// Of two processes one after the other: the sum of the time, the greater of the peaks.
    #[must_use]
    pub fn then(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, peak_rss: self.peak_rss.max(other.peak_rss) }
    }
}

/// What processes of one name have used, one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account {
    process: u32,
    /// Of the processes that have ended.
    before: Usage,
    /// Of the process that runs.
    current: Usage,
}

impl Account {
    /// Notes what a process has used until now.
    pub fn note(&mut self, process: u32, now: Usage) {
        if process != self.process {
            self.before = self.sum();
            self.current = Usage::default();
            self.process = process;
        }
        // What ends meanwhile is missing for a moment.
        let cpu = now.cpu.max(self.current.cpu);
        self.current = Usage { cpu, peak_rss: now.peak_rss.max(self.current.peak_rss) };
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Usage {
        self.before.then(self.current)
    }
}

/// What the process has used so far; `None` where it has ended or this system has no `/proc`.
#[must_use]
pub fn usage(process: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(Usage { cpu: cpu_of(&stat)?, peak_rss: peak_of(&status)? })
}

/// What a process and its children have used; children that have ended count with the process that waited for them.
///
/// Memory that the processes share (`PostgreSQL`'s buffers) counts once. The peak is that of this moment: ask often.
#[must_use]
pub fn tree_usage(process: u32) -> Option<Usage> {
    let mut sum = Usage { cpu: waited_for_cpu(process)?, peak_rss: 0 };
    let mut shared = 0;
    for member in tree(process) {
        let (Some(usage), Some((own, with_others))) = (usage(member), memory(member)) else { continue };
        sum.cpu += usage.cpu;
        sum.peak_rss += own;
        shared = shared.max(with_others);
    }
    sum.peak_rss += shared;
    Some(sum)
}

/// The process and all below it.
fn tree(root: u32) -> Vec<u32> {
    let mut members = vec![root];
    let mut next = 0;
    while let Some(process) = members.get(next) {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<u32> = children
            .flat_map(|line| line.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
            .collect();
        members.extend(children);
        next += 1;
    }
    members
}

/// Bytes of a process alone, and bytes that others may have as well.
fn memory(process: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some((kilobytes(&status, "RssAnon:")?, kilobytes(&status, "RssFile:")? + kilobytes(&status, "RssShmem:")?))
}

/// CPU time of children that have ended and were waited for.
fn waited_for_cpu(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    ticks(&stat, 13)
}

/// Fields 14 and 15 are the process's own.
fn cpu_of(stat: &str) -> Option<Duration> {
    ticks(stat, 11)
}

/// Two fields, counted behind the name of the program, which may hold blanks and parentheses.
fn ticks(stat: &str, first: usize) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(first);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND))
}

/// A zombie has no such line, and holds no memory.
fn peak_of(status: &str) -> Option<u64> {
    kilobytes(status, "VmHWM:")
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 25 3 4 20 0 1 0 5 6 7";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(ticks(stat, 13), Some(Duration::from_millis(70)));
        assert_eq!(peak_of("Name:\tx\nVmHWM:\t    2048 kB\n"), Some(2_097_152));
    }

    #[test]
    fn a_process_that_follows_another_is_added() {
        let usage = |seconds, peak_rss| Usage { cpu: Duration::from_secs(seconds), peak_rss };
        let mut account = Account::default();
        for (process, now) in [(1, usage(2, 50)), (1, usage(3, 40)), (2, usage(1, 20)), (2, usage(4, 30))] {
            account.note(process, now);
        }
        assert_eq!(account.sum(), usage(7, 50));
    }

    #[test]
    fn this_process_has_used_something() {
        assert!(usage(std::process::id()).unwrap().peak_rss > 100_000);
        assert_eq!(usage(u32::MAX), None);
        let tree = tree_usage(std::process::id()).unwrap();
        assert!(tree.peak_rss > 100_000);
        assert_eq!(tree_usage(u32::MAX), None);
    }
}

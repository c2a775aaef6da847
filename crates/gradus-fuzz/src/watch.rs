//! Starts workers, watches their time and their exit, and keeps the inputs at which they failed.

use crate::kinds::{Kind, Stock};
use crate::random::Random;
use crate::worker::{MARK, READ};
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The most kibibytes of address space of a worker.
const MEMORY: u64 = 1 << 20;
/// The number of failures after which the run stops.
const MOST_FAILURES: usize = 20;

/// The counts so far.
#[derive(Default)]
struct Tally {
    read: u64,
    refused: u64,
    slowest: Duration,
    slowest_number: u64,
    failures: usize,
}

/// How a worker ended.
enum End {
    Done,
    /// It failed at this input, for this reason, with this last output.
    Failed(u64, String, String),
}

/// Tries `count` inputs, and returns the number of failures.
pub fn run(kind: Kind, count: u64, seed: u64, limit: Duration) -> Result<usize, Box<dyn Error>> {
    let mut tally = Tally::default();
    let mut next = 0;
    while next < count && tally.failures < MOST_FAILURES {
        match watch(kind, seed, next..count, limit, &mut tally)? {
            End::Done => break,
            End::Failed(number, why, words) => {
                tally.failures += 1;
                let file = keep(kind, seed, number)?;
                println!(
                    "{} {seed} {number}: {why}; the input is in {}\n{words}",
                    kind.name(),
                    file.display()
                );
                next = number + 1;
            }
        }
    }
    println!(
        "{}: {} inputs of seed {seed} read, {} refused, {} failures; the slowest is number {} with {:.2} s",
        kind.name(),
        tally.read,
        tally.refused,
        tally.failures,
        tally.slowest_number,
        tally.slowest.as_secs_f64()
    );
    Ok(tally.failures)
}

/// Watches one worker to its end.
fn watch(
    kind: Kind,
    seed: u64,
    numbers: std::ops::Range<u64>,
    limit: Duration,
    tally: &mut Tally,
) -> Result<End, Box<dyn Error>> {
    let mut child = worker(kind, seed, numbers.start, numbers.end)?;
    let (lines, words) = (lines_of(&mut child), words_of(&mut child));
    // The input that is being tried, and when it began.
    let mut trying: Option<(u64, Instant)> = None;
    loop {
        let patience = match trying {
            Some((_, since)) => limit.saturating_sub(since.elapsed()),
            // The worker builds its stock, or the next input.
            None => Duration::from_secs(120).max(limit),
        };
        match lines.recv_timeout(patience) {
            Ok(line) => match (line.parse::<u64>(), trying) {
                (Ok(number), _) => trying = Some((number, Instant::now())),
                (Err(_), Some((number, since))) => {
                    let time = since.elapsed();
                    if time > tally.slowest {
                        (tally.slowest, tally.slowest_number) = (time, number);
                    }
                    match line == READ {
                        true => tally.read += 1,
                        false => tally.refused += 1,
                    }
                    trying = None;
                }
                (Err(_), None) => return Err(format!("a worker said `{line}`").into()),
            },
            Err(RecvTimeoutError::Timeout) => {
                child.kill()?;
                child.wait()?;
                let (number, _) = trying.ok_or("a worker does not begin")?;
                let why = format!("longer than {} s", limit.as_secs_f64());
                return Ok(End::Failed(number, why, String::new()));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait()?;
                let words = words.join().unwrap_or_default();
                return match (status.success(), trying) {
                    (true, None) => Ok(End::Done),
                    (_, Some((number, _))) => Ok(End::Failed(number, status.to_string(), words)),
                    (false, None) => {
                        Err(format!("a worker ended between inputs: {status}\n{words}").into())
                    }
                };
            }
        }
    }
}

/// Starts a worker with one compute thread, and with limited memory if a shell can set the limit.
fn worker(kind: Kind, seed: u64, from: u64, to: u64) -> Result<Child, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let mut command = match cfg!(unix) {
        true => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"")]);
            shell.arg(program);
            shell
        }
        false => Command::new(program),
    };
    command.arg(MARK).arg(kind.name());
    command.args([seed, from, to].map(|n| n.to_string()));
    command.env("GRADUS_NUM_THREADS", "1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command.spawn()?)
}

fn lines_of(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    if let Some(out) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
    }
    receive
}

/// The end of a worker's output on standard error.
fn words_of(child: &mut Child) -> thread::JoinHandle<String> {
    let stderr = child.stderr.take();
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            // Unreadable output is left out of the message.
            let _ = stderr.read_to_end(&mut text);
        }
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[..lines.len().min(12)].join("\n")
    })
}

/// Writes the input to a file.
fn keep(kind: Kind, seed: u64, number: u64) -> Result<PathBuf, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let input = Stock::new(kind, folder.path())?.input(&mut Random::new(seed, number));
    let kept = std::env::temp_dir().join("gradus-fuzz");
    fs::create_dir_all(&kept)?;
    let file = kept.join(format!("{}-{seed}-{number}", kind.name()));
    fs::write(&file, input)?;
    Ok(file)
}

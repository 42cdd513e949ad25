//! Measures fusebox, its peers and the machine's floors in one run, interleaved; prints a table and writes JSON.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use fusebox_benches::{
    contest::Contestant,
    crew::{self, Crew},
    duel::{self, Plan},
    expectations::loads_verdict,
    machine::{Machine, cores},
    operations::{self, Lineup, Operation},
    report::{Report, Row, heading},
    statistics::{median, quotients},
};
use lexopt::prelude::{Long, Short, ValueExt};

const USAGE: &str = "\
Measures fusebox, its peers and the machine's floors in one run.

Usage: baseline [--json FILE] [--only PREFIX] [--quick]

  --json FILE    write the rows to FILE as JSON
  --only PREFIX  only the operations whose names begin with PREFIX
  --quick        the fewest rounds that count (9), of short samples: a look, no figures to publish
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("baseline: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    json: Option<PathBuf>,
    operations: Vec<Operation>,
    plan: Plan,
}

fn run() -> Result<(), Box<dyn Error>> {
    let Some(options) = options()? else {
        print!("{USAGE}");
        return Ok(());
    };
    let output = options.json.as_deref().map(Output::create).transpose()?;
    let mut report = Report { machine: Machine::here(), method: options.plan.into(), rows: Vec::new() };
    if !report.machine.optimised {
        eprintln!("baseline: built without optimisation, the figures mean nothing: `cargo run --release …`");
    }
    println!("{}", heading(&report));
    for (index, operation) in options.operations.iter().enumerate() {
        let place = format!("{}/{} {}", index + 1, options.operations.len(), operation.name);
        progress(&format!("{place}: trials"));
        let lineup = crew::apart(|| operation.lineup())?;
        // What is weighed weighs the same, however many look on.
        let counts = if lineup.weighed() { vec![1] } else { thread_counts() };
        for threads in counts {
            let crew = Crew::of(threads);
            report.rows.extend(measure(&crew, operation, &lineup, options.plan, &place));
        }
        let mut contestants = [&lineup.ours].into_iter().chain(&lineup.peers);
        crew::apart(|| contestants.try_for_each(Contestant::check_afterwards))?;
    }
    println!("\nfusebox: {}", sizes());
    if let Some(output) = output {
        println!("{} rows in {}", report.rows.len(), output.finish(&report)?.display());
    }
    Ok(())
}

/// Measures one operation on one crew and prints its rows.
fn measure(crew: &Crew, operation: &Operation, lineup: &Lineup, plan: Plan, place: &str) -> Vec<Row> {
    let (name, threads) = (operation.name, crew.size());
    let load = lineup.load.iter().filter(|_| threads == 1);
    let everybody: Vec<_> = [&lineup.ours].into_iter().chain(&lineup.peers).chain(load).collect();
    let nanos = duel::fight(crew, &everybody, plan, |round| {
        progress(&format!("{place}, {threads} threads: round {round} of {}", plan.rounds));
    });
    progress("");
    let (ours, rest) = nanos.split_first().expect("ours is always there");
    let rows: Vec<Row> = if lineup.peers.is_empty() {
        vec![Row::alone(name, threads, ours)]
    } else {
        let pairs = lineup.peers.iter().zip(rest);
        pairs.map(|(peer, theirs)| Row::beside(name, threads, ours, peer, theirs)).collect()
    };
    for row in &rows {
        println!("{}", row.line());
    }
    if let Some(load) = rest.get(lineup.peers.len()) {
        println!("{:<36} {threads:>3} {}", name, loads_verdict(median(&quotients(ours, load))));
    }
    rows
}

/// One and two threads always, then powers of two up to what can run at once.
fn thread_counts() -> Vec<usize> {
    (0..usize::BITS).map(|power| 1 << power).take_while(|&threads| threads <= cores().max(2)).collect()
}

/// The state of a run, rewritten in place; nothing where nobody watches.
fn progress(state: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[2K{state}");
        // It is only a courtesy.
        let _ = io::stderr().flush();
    }
}

fn sizes() -> String {
    let told = |what: &str, bytes: usize| {
        let verdict = if bytes <= 64 { "ok" } else { "SHORT" };
        format!("a {what} is {bytes} B, reach at most 64 B: {verdict}")
    };
    [
        told("breaker with a consecutive policy", size_of::<fusebox::breaker::CircuitBreaker>()),
        told("strict limiter", size_of::<fusebox::limiter::RateLimiter>()),
    ]
    .join("\nfusebox: ")
}

/// The file to be: created before anything is measured, in its place only once it is whole.
struct Output {
    unfinished: PathBuf,
    path: PathBuf,
    file: File,
}

impl Output {
    fn create(path: &Path) -> Result<Self, String> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        match File::create(&unfinished) {
            Ok(file) => Ok(Self { unfinished, path: path.to_owned(), file }),
            Err(error) => Err(format!("cannot write {}: {error}", path.display())),
        }
    }

    fn finish(self, report: &Report) -> Result<PathBuf, Box<dyn Error>> {
        let mut writer = BufWriter::new(&self.file);
        serde_json::to_writer_pretty(&mut writer, report)?;
        writeln!(writer)?;
        writer.flush()?;
        drop(writer);
        fs::rename(&self.unfinished, &self.path)?;
        Ok(self.path.clone())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // After `finish` it is not there any more.
        let _ = fs::remove_file(&self.unfinished);
    }
}

/// None: only the usage was asked for.
fn options() -> Result<Option<Options>, Box<dyn Error>> {
    let mut parser = lexopt::Parser::from_env();
    let mut options = Options { json: None, operations: operations::ALL.to_vec(), plan: Plan::THOROUGH };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("json") => options.json = Some(parser.value()?.into()),
            Long("only") => options.operations = operations::chosen(&parser.value()?.string()?)?,
            Long("quick") => options.plan = Plan::QUICK,
            Short('h') | Long("help") => return Ok(None),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    Ok(Some(options))
}

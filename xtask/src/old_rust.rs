//! The oldest Rust that fusebox promises to build with, kept apart from the user's own toolchain.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::site::Site;

/// A compiler of the promised version.
#[derive(Debug)]
pub(crate) enum OldRust {
    /// A toolchain of rustup: the user's, or one of our own under `target/tools`.
    Rustup { version: String, home: Option<String> },
    /// Debian's packages, unpacked and not installed. They bring the library's source too, so that targets need no
    /// download.
    Debian { folder: String },
}

impl OldRust {
    /// The first of: a rustup toolchain that is there, Debian's packages, a rustup toolchain fetched for us.
    pub(crate) fn get(site: &mut Site) -> Result<Self> {
        let version = promised_version(site)?;
        if site.ask(&format!("rustup run {version} rustc --version")).is_ok() {
            return Ok(Self::Rustup { version, home: None });
        }
        let folder = format!("target/tools/rust-{version}");
        match unpack_debians(&version, &folder, site) {
            Ok(()) => return Ok(Self::Debian { folder }),
            Err(error) => site.say(format_args!("no Rust {version} from Debian's packages: {error:#}")),
        }
        // Absolute: compilers are started in many folders.
        let home = site.tools().join("rustup").to_string_lossy().into_owned();
        let home = shell_words::quote(&home).into_owned();
        // rustup would otherwise replace itself by its newest version.
        site.run(&format!(
            "RUSTUP_HOME={home} rustup toolchain install {version} --profile minimal --no-self-update"
        ))?;
        Ok(Self::Rustup { version, home: Some(home) })
    }

    /// The variables that make cargo use it, as they stand before a command.
    pub(crate) fn variables(&self) -> String {
        match self {
            Self::Rustup { version, home: None } => format!("RUSTUP_TOOLCHAIN={version}"),
            Self::Rustup { version, home: Some(home) } => {
                format!("RUSTUP_HOME={home} RUSTUP_TOOLCHAIN={version}")
            }
            Self::Debian { folder } => format!("RUSTC={folder}/bin/rustc RUSTDOC={folder}/bin/rustdoc"),
        }
    }

    /// Makes `core` and `alloc` for these targets.
    pub(crate) fn add_targets(&self, targets: &[&str], site: &mut Site) -> Result<()> {
        match self {
            Self::Rustup { .. } => {
                let line = format!("{} rustup target add {}", self.variables(), targets.join(" "));
                site.run(&line).map(drop)
            }
            Self::Debian { folder } => build_targets(folder, &self.variables(), targets, site),
        }
    }
}

/// `rust-version` of the crate.
fn promised_version(site: &Site) -> Result<String> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(site.root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("reading Cargo.toml")?;
    let fusebox = metadata.packages.iter().find(|package| package.name == "fusebox");
    let version = fusebox.and_then(|package| package.rust_version.as_ref()).context("no rust-version")?;
    Ok(format!("{}.{}", version.major, version.minor))
}

/// Unpacks Debian's `rustc-web` of this version, with the source of its library, into `folder`.
fn unpack_debians(version: &str, folder: &str, site: &mut Site) -> Result<()> {
    if site.root().join(folder).join("bin/rustc").exists() {
        return Ok(());
    }
    if site.find("apt-get").is_none() {
        bail!("there is no apt-get here");
    }
    if site.ask("id -u")? == "0" {
        // An old list of packages may still do.
        if site.run("apt-get update -qq").is_err() {
            site.say("the list of packages could not be renewed");
        }
    }
    let full = site
        .ask("apt-cache madison rustc-web")?
        .lines()
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .find(|full| full.starts_with(&format!("{version}.")))
        .map(str::to_owned)
        .context("they have no such version")?;
    let library = format!("libstd-rust-web-{version}={full}");
    let llvm = site
        .ask(&format!("apt-cache show {library}"))?
        .split([' ', ',', '(', '\n'])
        .find(|word| word.starts_with("libllvm"))
        .map(str::to_owned)
        .context("they name no LLVM for it")?;

    site.say(format_args!(
        "unpacking rustc-web {full} into {folder} (135 MB to fetch; nothing is installed)"
    ));
    let debs = format!("{folder}/debs");
    let _ = fs::remove_dir_all(site.root().join(folder));
    fs::create_dir_all(site.root().join(&debs))?;
    // The sandbox user of apt cannot write into the checkout of another user.
    site.run(&format!(
        "cd {debs} && apt-get -o APT::Sandbox::User=root download -qq rustc-web={full} \
         libstd-rust-web-dev={full} {library} {llvm} rust-web-src={full}"
    ))?;
    for deb in glob::glob(&site.root().join(&debs).join("*.deb").to_string_lossy())? {
        let deb = deb?;
        let name = deb.file_name().context("a package without a name")?.to_string_lossy();
        let path = format!("{debs}/{name}");
        if name.starts_with("rust-web-src") {
            // Of the compiler's 300 MB of source, the library's.
            site.run(&format!(
                "sh -c 'dpkg-deb --fsys-tarfile {path} | tar -x -C {folder} --wildcards \
                 ./usr/lib/rustlib/src/rust \"./usr/src/rustc-*/library\"'"
            ))?;
        } else {
            site.run(&format!("dpkg -x {path} {folder}"))?;
        }
    }
    fs::remove_dir_all(site.root().join(&debs))?;
    wrap_programs(folder, site)
}

/// The programs find their own libraries only when told where they are.
fn wrap_programs(folder: &str, site: &mut Site) -> Result<()> {
    let bin = site.root().join(folder).join("bin");
    fs::create_dir_all(&bin)?;
    // rustc last: its presence says that the folder is complete.
    for program in ["rustdoc", "rustc"] {
        let script = format!(
            "#!/bin/sh\nusr=$(dirname \"$(readlink -f \"$0\")\")/../usr\n\
             LD_LIBRARY_PATH=$usr/lib/$(uname -m)-linux-gnu exec \"$usr/bin/{program}\" \"$@\"\n"
        );
        fs::write(bin.join(program), script)?;
        site.run(&format!("chmod +x {folder}/bin/{program}"))?;
    }
    Ok(())
}

/// Compiles `core` and `alloc` from the source, and puts them where the compiler looks for a target's libraries: from
/// then on an ordinary `cargo build --target` works. Only this needs unstable features.
fn build_targets(folder: &str, variables: &str, targets: &[&str], site: &mut Site) -> Result<()> {
    let libraries = site.root().join(folder).join("usr/lib/rustlib");
    let missing: Vec<&str> =
        targets.iter().copied().filter(|target| !libraries.join(target).join("lib").exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    site.say(format_args!("building core and alloc for {} (about a minute)", missing.join(", ")));
    let work = site.root().join(folder).join("sysroot");
    fs::create_dir_all(work.join("src"))?;
    fs::write(work.join("src/lib.rs"), "#![no_std]\n")?;
    fs::write(
        work.join("Cargo.toml"),
        "[package]\nname = \"sysroot\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n\
         [profile.dev]\ndebug = false\npanic = \"abort\"\n",
    )?;
    let flags = missing.join(" --target ");
    site.run(&format!(
        "{variables} RUSTC_BOOTSTRAP=1 cargo build --quiet -Zbuild-std=core,alloc --target {flags} \
         --manifest-path {folder}/sysroot/Cargo.toml --target-dir {folder}/sysroot/target"
    ))?;
    for target in missing {
        let unfinished = libraries.join(target).join("unfinished");
        fs::create_dir_all(&unfinished)?;
        let built = work.join("target").join(target).join("debug/deps/lib*.r*");
        for library in glob::glob(&built.to_string_lossy())? {
            let library = library?;
            let name = library.file_name().context("a library without a name")?;
            if !name.to_string_lossy().starts_with("libsysroot") {
                fs::copy(&library, unfinished.join(name))?;
            }
        }
        fs::rename(&unfinished, libraries.join(target).join("lib"))?;
    }
    fs::remove_dir_all(&work)?;
    Ok(())
}

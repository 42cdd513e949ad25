//! Sets the private cfg under which `../src/sync.rs` takes its atomics from loom.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(fusebox_loom)");
    println!("cargo::rustc-check-cfg=cfg(fusebox_fuzz)");
    println!("cargo::rustc-cfg=fusebox_loom");
    println!("cargo::rerun-if-changed=build.rs");
}

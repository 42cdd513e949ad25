//! Sets the private cfg under which the library shows its word to those who prove things about it.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(fusebox_loom)");
    println!("cargo::rustc-check-cfg=cfg(fusebox_fuzz)");
    println!("cargo::rustc-cfg=fusebox_fuzz");
    println!("cargo::rerun-if-changed=build.rs");
}

//! Tells cargo that the console's page is part of this crate: built after it, it must still get in.

fn main() {
    let pages = "../../web/dist-console";
    // Cargo runs this script at every build while a path it watches does not exist.
    if let Err(error) = std::fs::create_dir_all(pages) {
        println!("cargo:warning=the folder for the page cannot be made: {error}");
    }
    println!("cargo:rerun-if-changed={pages}");
    println!("cargo:rerun-if-changed=build.rs");
}

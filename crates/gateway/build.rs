//! Tells cargo that the built pages are part of this crate: built after it, they must still get in.

fn main() {
    for pages in ["../../web/dist-console", "../../web/dist-widget"] {
        // Cargo runs this script at every build while a path it watches does not exist.
        if let Err(error) = std::fs::create_dir_all(pages) {
            println!("cargo:warning=the folder for the page cannot be made: {error}");
        }
        println!("cargo:rerun-if-changed={pages}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

//! The doors: how ServiceNow proves itself at the webhook, how we prove ourselves to it, and what is
//! taken out of what users say.

mod desk;
mod limits;
mod masking;
mod refusals;
mod webhook;

/// A configuration file with this text, beside what the environment says.
fn file_with(text: &str) -> impl FnOnce(&mut crate::process::Environment) {
    let text = text.to_owned();
    move |environment| {
        let file = std::path::Path::new(&environment["WARMLINE_DATA_DIR"]).with_file_name("w.toml");
        std::fs::write(&file, text).unwrap();
        environment.insert("WARMLINE_CONFIG".to_owned(), file.display().to_string());
    }
}

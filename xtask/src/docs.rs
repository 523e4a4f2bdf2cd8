//! Building the book from `docs/`: mdBook, and Mermaid for its diagrams.
//!
//! Both are programs of others, installed below `target/` when they are missing. The book is built
//! from a copy, because Mermaid's files are put beside its configuration.

use std::path::Path;

use anyhow::{Context, Result};

use crate::step::{self, Steps, cargo};

/// What builds the book. The second follows the first's minor version.
const TOOLS: [&str; 2] = ["mdbook@^0.5", "mdbook-mermaid@^0.17"];

/// Builds the book; the last line says where it is.
pub(crate) fn build() -> Result<()> {
    let mut steps = Steps::of(2);
    let target = step::workspace().join("target");
    let (tools, book) = (target.join("tools"), target.join("book"));
    steps.begin("installing what builds the book, if it is missing (minutes, once)");
    let mut install = cargo(["install", "--locked", "--quiet", "--root"]);
    step::succeed(install.arg(&tools).args(TOOLS), "cargo needs a registry it can reach")?;
    steps.begin("building the book");
    copy(&step::workspace(), &book)?;
    let bin = tools.join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(bin.clone()).chain(std::env::split_paths(&path)))?;
    for (program, arguments) in [("mdbook-mermaid", ["install", "."]), ("mdbook", ["build", "."])] {
        let mut command = std::process::Command::new(bin.join(program));
        command.current_dir(&book).env("PATH", &path).args(arguments);
        step::succeed(&mut command, "the messages above name file and line")?;
    }
    eprintln!("\nthe book is target/book/book/index.html");
    Ok(())
}

/// What the book is made of, and nothing of an earlier build.
fn copy(workspace: &Path, book: &Path) -> Result<()> {
    if book.exists() {
        std::fs::remove_dir_all(book)?;
    }
    let pages = book.join("docs");
    std::fs::create_dir_all(&pages)?;
    std::fs::copy(workspace.join("book.toml"), book.join("book.toml"))?;
    for entry in std::fs::read_dir(workspace.join("docs")).context("docs/ cannot be read")? {
        let from = entry?.path();
        if let Some(name) = from.file_name().filter(|_| from.is_file()) {
            std::fs::copy(&from, pages.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_every_page_and_nothing_of_an_earlier_one() {
        let folder = std::env::temp_dir().join(format!("warmline-book-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("docs")).unwrap();
        std::fs::write(folder.join("docs/gone.md"), "").unwrap();
        copy(&step::workspace(), &folder).unwrap();
        assert!(folder.join("book.toml").exists() && folder.join("docs/SUMMARY.md").exists());
        assert!(!folder.join("docs/gone.md").exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

//! Files that an item shows for their own sake: not the pictures that adorn cards and options.

use std::cell::Cell;

use servicenow::{
    Control,
    control::{Image, Link},
};
use session::Said;

use super::html;

/// A file as its user is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileShown {
    /// What it is called there; `None` if it has no name.
    pub(crate) name: Option<String>,
}

/// How the file at an address is shown; `is_it` knows the address as the desk wrote it. `None`: not at
/// all, or as an ornament.
pub(crate) fn file_shown(said: &Said, is_it: &dyn Fn(&str) -> bool) -> Option<FileShown> {
    shown_in(&Control::read(&said.payload.as_ref()?.0), is_it)
}

fn shown_in(control: &Control, is_it: &dyn Fn(&str) -> bool) -> Option<FileShown> {
    let leads = |address: Option<&str>, name: Option<&str>| {
        address.is_some_and(is_it).then(|| FileShown { name: name.map(str::to_owned) })
    };
    let link = |link: &Link| leads(link.address.as_deref(), link.name());
    let picture = |image: &Image| leads(Some(&image.address), image.alt.as_deref());
    match control {
        Control::Text { sources: links, .. } | Control::Links { links, .. } => {
            links.iter().find_map(link)
        }
        Control::Html { html, image, links } => {
            let shown = image.as_ref().and_then(picture);
            shown.or_else(|| links.iter().find_map(link)).or_else(|| {
                let is_there = Cell::new(false);
                html::markdown(html, &|address| {
                    is_there.set(is_there.get() || is_it(address));
                    None
                });
                is_there.get().then_some(FileShown { name: None })
            })
        }
        Control::Image(image) => picture(image),
        Control::File(file) => link(file),
        Control::Card(card) => leads(card.address.as_deref(), card.title.as_deref()),
        Control::Part { content, .. } => shown_in(content, is_it),
        Control::Table(_) | Control::Input(_) | Control::Progress(_) | Control::Other => None,
    }
}

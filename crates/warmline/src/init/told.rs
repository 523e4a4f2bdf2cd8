//! What is said at the end: what was written, and what is left to do.

use std::path::Path;

use super::{Answers, registration::Entra};
use crate::{config::DEFAULT_FILE, teams::Looks};

/// Where Azure Bot Service calls.
const MESSAGES_PATH: &str = "/api/messages";

/// What to do now.
pub(super) fn next(
    answers: &Answers,
    looks: &Looks,
    file: &Path,
    steps: &Path,
    package: Option<&Path>,
) -> String {
    let app = package.map(|package| format!("; {} (for the Teams admin)", package.display()));
    let mut text = format!(
        "\nWritten: {} (with secrets; only you can read it) and {} (for the ServiceNow admin){}.\n\n\
         Next:\n",
        file.display(),
        steps.display(),
        app.unwrap_or_default()
    );
    let with = if file == Path::new(DEFAULT_FILE) {
        String::new()
    } else {
        format!(" --config {}", file.display())
    };
    let mut number = 0;
    let mut step = |what: String| {
        number += 1;
        text.extend(["  ", &number.to_string(), ". ", &what, "\n"]);
    };
    let secrets = [
        Some(answers.credentials.client_secret.as_str()),
        answers.credentials.password.as_deref(),
        answers.message_token.as_deref(),
        answers.entra.as_ref().map(Entra::secret),
    ];
    let secrets: Vec<_> = secrets.into_iter().flatten().collect();
    let variables: Vec<_> =
        secrets.iter().filter_map(|secret| secret.strip_prefix("env:")).collect();
    if !variables.is_empty() {
        step(format!(
            "export {} in the shell of `warmline check`, and set the same for the gateway (systemd: \
             EnvironmentFile); a variable that changes needs a restart",
            variables.join(", ")
        ));
    }
    for name in secrets.iter().filter_map(|secret| secret.strip_prefix("vault:")) {
        step(format!("warmline secret set {name}"));
    }
    if answers.public_url.is_none() {
        step(format!("set public_url in {} when it is decided", file.display()));
    }
    step(format!("have the steps in {} done at ServiceNow", steps.display()));
    if let Some(entra) = &answers.entra {
        if entra.is_multi_tenant {
            step(format!(
                "set user_tenants in {}: until then everybody's users may write, whatever their \
                 tenant",
                file.display()
            ));
        }
        let public = answers.public_url.as_deref().unwrap_or("<the public URL>");
        step(format!("set the Azure Bot's messaging endpoint to {public}{MESSAGES_PATH}"));
        step(match package {
            Some(package) => upload(package, &looks.assumed(answers.language, public), &with),
            None => format!(
                "warmline teams-package{with}   once public_url is an https address, and have it \
                 uploaded to Teams"
            ),
        });
    }
    step(format!("warmline check{with}   looks whether everything works"));
    step(format!("warmline serve{with}   runs the gateway"));
    text
}

/// The package as it is, and how it gets names and pages that nobody was asked for.
fn upload(package: &Path, assumed: &[String], with: &str) -> String {
    let package = package.display();
    let upload = format!("have {package} uploaded to Teams (docs/teams.md)");
    if assumed.is_empty() {
        return upload;
    }
    format!(
        "{upload}. It was made with {}; to have that otherwise: warmline teams-package{with} --output \
         {package} --force and those of these options that change",
        assumed.join(" ")
    )
}

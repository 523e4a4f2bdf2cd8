//! Every setting there is: its name, its variable, its default, what it means. The file is read by
//! this table, and the commented default file and the reference are written from it, so that none
//! can differ from the others.

/// Where in the file a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    /// Before the first table.
    Top,
    /// `[console]`.
    Console,
    /// `[operators.NAME]`.
    Operator,
    /// `[metrics]`.
    Metrics,
    /// `[telemetry]`.
    Telemetry,
    /// `[files]`.
    Files,
    /// `[tenants.NAME]`.
    Tenant,
    /// `[tenants.NAME.desks.NAME]`.
    Desk,
    /// `[tenants.NAME.bots.NAME]`.
    Bot,
}

/// What a setting's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A path; a relative one in the file begins at the file's folder.
    Path,
    /// A secret: `env:NAME`, `file:PATH`, `vault:NAME`, or the secret itself.
    Secret,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A length of time.
    Span,
    /// A length of time, or `off`.
    SpanOrOff,
    /// How long something is kept: a length of time that may be of years.
    Keep,
    /// The same, or `off`.
    KeepOrOff,
    /// A number from 1 up.
    Count,
    /// A number of bytes.
    Size,
    /// A list of texts.
    Texts,
}

/// When a change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// At SIGHUP.
    Reload,
    /// At the next start.
    Restart,
}

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its section's word and its own: `listen`, `console.password_hash`, `desk.instance`.
    pub(crate) id: &'static str,
    /// The variable that says the same.
    pub(crate) env: Option<&'static str>,
    pub(crate) kind: Kind,
    /// Its default, as it would stand in the file; absent for what is off or required without one.
    pub(crate) default: Option<&'static str>,
    /// A value for examples, as it would stand in the file.
    pub(crate) example: &'static str,
    pub(crate) change: Change,
    /// What it means: full sentences.
    pub(crate) doc: &'static str,
}

impl Setting {
    /// Where it stands.
    pub(crate) fn section(&self) -> Section {
        match self.id.split_once('.').map(|(section, _)| section) {
            None => Section::Top,
            Some("console") => Section::Console,
            Some("operator") => Section::Operator,
            Some("metrics") => Section::Metrics,
            Some("telemetry") => Section::Telemetry,
            Some("files") => Section::Files,
            Some("tenant") => Section::Tenant,
            Some("desk") => Section::Desk,
            Some(_) => Section::Bot,
        }
    }

    /// Whether an empty variable is refused rather than taken for none. Whoever names a secret or a path means
    /// it, and what stands in its place otherwise (a key made beside the data, a folder found here, a door that
    /// is closed) is something else than they meant.
    pub(crate) fn is_never_empty(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::Path)
    }

    /// Its name in its table.
    pub(crate) fn key(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(_, key)| key)
    }
}

/// The settings of a section, in the order in which they are shown.
pub(crate) fn of(section: Section) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |setting| setting.section() == section)
}

/// The setting of this id.
pub(crate) fn setting(id: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.id == id)
}

const LANGUAGES: Kind = Kind::Choice(&["en", "de"]);
const APP_TYPES: Kind = Kind::Choice(&["MultiTenant", "SingleTenant"]);
const CLOUDS: Kind = Kind::Choice(&["public", "usgov", "china"]);
const SWITCH: Kind = Kind::Choice(&["on", "off"]);
const DELIVERIES: Kind = Kind::Choice(&["normal", "expectReplies"]);
const WITHOUT_SCANNER: Kind = Kind::Choice(&["refuse", "take"]);
const BUCKET_STYLES: Kind = Kind::Choice(&["path", "host"]);
const REPLAYS: Kind = Kind::Choice(&["all", "new"]);
const MESSAGES: Kind = Kind::Choice(&["offered", "required"]);
const FILES_BY: Kind = Kind::Choice(&["auto", "link", "upload"]);
const GRANTS: Kind = Kind::Choice(&["password", "client_credentials", "basic"]);
const PROXY_HEADERS: Kind = Kind::Choice(&["x-forwarded-for", "forwarded"]);
const ROLES: Kind = Kind::Choice(&["viewer", "operator", "admin"]);

/// What users may not send unless somebody says otherwise: `gateway::REFUSED`, as a file says it.
const NEVER: &str = "[\".exe\", \".com\", \".scr\", \".pif\", \".bat\", \".cmd\", \".ps1\", \".vbs\", \".vbe\", \".js\", \".jse\", \".wsf\", \".wsh\", \".hta\", \".msi\", \".msp\", \".cpl\", \".dll\", \".lnk\", \".reg\", \".jar\", \".app\", \".apk\", \".deb\", \".rpm\", \".sh\", \".iso\", \".url\", \".chm\", \".xll\", \".wll\", \".docm\", \".dotm\", \".xlsm\", \".xltm\", \".xlam\", \".pptm\", \".potm\", \".ppam\", \".library-ms\", \".search-ms\", \".settingcontent-ms\", \".one\", \".ps1xml\", \".psm1\", \".psd1\", \".msc\", \".scf\", \".sct\", \".vhd\", \".vhdx\", \".img\", \".jnlp\", \".msix\", \".msixbundle\", \".appx\", \".appref-ms\", \".application\", \".gadget\", \".inf\", \".ws\", \".wsc\", \".vb\", \".pyw\", \".command\", \".desktop\", \".html\", \".htm\", \".shtml\", \".xhtml\", \".xht\", \".svg\", \".svgz\", \".mht\", \".mhtml\", \"application/vnd.microsoft.portable-executable\", \"application/x-executable\", \"application/x-mach-binary\", \"text/x-shellscript\", \"text/html\", \"application/xhtml+xml\", \"image/svg+xml\"]";

/// One row of the table.
macro_rules! settings {
    ($($id:literal, $env:expr, $kind:expr, $default:expr, $example:literal, $change:ident, $doc:literal;)*) => {
        /// Every setting there is.
        pub(crate) static SETTINGS: &[Setting] = &[$(Setting {
            id: $id, env: $env, kind: $kind, default: $default, example: $example,
            change: Change::$change, doc: $doc,
        }),*];
    };
}

settings! {
    "listen", Some("WARMLINE_LISTEN"), Kind::Text, Some("\"127.0.0.1:8080\""), "\"127.0.0.1:8080\"", Restart,
    "Address and port to listen on. Another machine's side needs an https `public_url`, that is, a proxy that ends TLS.";
    "public_url", Some("WARMLINE_PUBLIC_URL"), Kind::Text, None, "\"https://chat.example.org\"", Reload,
    "How ServiceNow and browsers reach this service.";
    "trusted_proxies", Some("WARMLINE_TRUSTED_PROXIES"), Kind::Texts, None, "[\"10.0.0.0/8\"]", Reload,
    "The networks of the proxies before this service. What they say of where a request comes from is believed, as far to the left as they are in the list; of anybody else it is not.";
    "proxy_header", Some("WARMLINE_PROXY_HEADER"), PROXY_HEADERS, Some("\"x-forwarded-for\""), "\"forwarded\"", Reload,
    "In which header they say it. The other one is not looked at: proxies pass on what they do not write themselves.";
    "private_hosts", Some("WARMLINE_PRIVATE_HOSTS"), Kind::Texts, None, "[\"corp.example.org\"]", Reload,
    "Hosts, with everything below them, that may be in a private network although nobody here wrote that they are: ServiceNow's own (`service-now.com`, where a private line leads to it), and names that channels and logins say. Other names lead to the public internet or nowhere (docs/deployment.md). Bots and instances of your own need no entry.";
    "data_dir", Some("WARMLINE_DATA_DIR"), Kind::Path, Some("\"./data\""), "\"/var/lib/warmline\"", Restart,
    "Where the store (`warmline.db`) and, unless given otherwise, the master key (`master.key`) are kept.";
    "master_key", Some("WARMLINE_MASTER_KEY"), Kind::Secret, None, "\"env:MASTER_KEY\"", Restart,
    "64 hexadecimal digits that seal everything (`openssl rand -hex 32`); zeros are refused, one that repeats a few bytes is warned of; `vault:` cannot be used here. Back it up apart from the data: without it the data is lost. Not beside `master_key_file`.";
    "master_key_file", Some("WARMLINE_MASTER_KEY_FILE"), Kind::Path, None, "\"/etc/warmline/master.key\"", Restart,
    "A file that holds the master key, mode 0600. Without this and `master_key`, `master.key` in the data directory is used, and made at the first start.";
    "language", Some("WARMLINE_LANGUAGE"), LANGUAGES, Some("\"en\""), "\"en\"", Restart,
    "The language of the notices to users, and of what they can type unless the phrases are set.";
    "audit_keep", Some("WARMLINE_AUDIT_KEEP"), Kind::Keep, Some("\"400d\""), "\"400d\"", Reload,
    "How long records of the audit trail (`warmline audit`) are kept; older ones are cut off, and a record says so.";
    "console.password_hash", Some("WARMLINE_CONSOLE_PASSWORD_HASH"), Kind::Secret, None, "\"file:/etc/warmline/console.hash\"", Restart,
    "The argon2id hash (PHC string) of the password of the operator `admin`, who may do everything. Without it and without `[operators.NAME]` the console is closed.";
    "operator.password_hash", None, Kind::Secret, None, "\"vault:console-ada\"", Restart,
    "Required. The argon2id hash of their password, as `warmline console-password` prints it.";
    "operator.role", None, ROLES, Some("\"viewer\""), "\"operator\"", Restart,
    "What they may do: `viewer` looks, `operator` also ends chats and deals with dead letters, `admin` also reads the audit trail, and exports and erases what is kept of a person.";
    "operator.tenants", None, Kind::Texts, None, "[\"sales\"]", Restart,
    "The tenants whose affairs they see; nothing of another tenant is shown to them, not even that it is there. Without it all.";
    "metrics.token", Some("WARMLINE_METRICS_TOKEN"), Kind::Secret, None, "\"file:/etc/warmline/metrics.token\"", Restart,
    "What opens `/metrics`, as a bearer credential of at least 16 characters (`openssl rand -hex 32`). Without it `/metrics` is closed.";
    "telemetry.otlp_endpoint", Some("OTEL_EXPORTER_OTLP_ENDPOINT"), Kind::Text, None, "\"http://127.0.0.1:4318\"", Restart,
    "Where traces go, over OTLP. Without it there are none.";
    "telemetry.service_name", Some("OTEL_SERVICE_NAME"), Kind::Text, Some("\"warmline\""), "\"warmline\"", Restart,
    "What the service is called in traces.";
    "files.largest", Some("WARMLINE_FILE_MAX"), Kind::Size, Some("\"25MB\""), "\"500MB\"", Restart,
    "The largest file that users and agents may send.";
    "files.in_message", None, Kind::Count, Some("10"), "10", Restart,
    "The most files in one message.";
    "files.of_conversation", None, Kind::Size, Some("\"256MB\""), "\"2GB\"", Restart,
    "The most that the files of one conversation may take together.";
    "files.of_tenant", None, Kind::Size, Some("\"4GB\""), "\"50GB\"", Restart,
    "The most that the files of one tenant may take together. Users of pages leave an eighth of it to desks, bots and other channels.";
    "files.of_strangers", None, Kind::Size, None, "\"500MB\"", Restart,
    "The most of `of_tenant` that files of strangers may take: of users whose token binds no user id, as with a `widget_key`, so of anybody. Without it a quarter. Those of all tenants fill half of `of_all` at most.";
    "files.of_all", None, Kind::Size, Some("\"8GB\""), "\"100GB\"", Restart,
    "The most that all files may take together. Users of pages leave an eighth of it to the others.";
    "files.keep", Some("WARMLINE_FILES_KEEP"), Kind::Span, Some("\"30d\""), "\"7d\"", Restart,
    "How long files of live chats and uploads are kept. What a bot shows is kept for a day.";
    "files.keep_strangers", None, Kind::Span, Some("\"3d\""), "\"1d\"", Restart,
    "How long what strangers brought is kept; never longer than `keep`.";
    "files.only", None, Kind::Texts, None, "[\"image/*\", \"application/pdf\", \".docx\"]", Restart,
    "Which files users may send: endings of names, types, or kinds of types. Without it all but those of `never`. What a file is is told by its bytes.";
    "files.never", None, Kind::Texts, Some(NEVER), "[\".exe\", \"text/html\"]", Restart,
    "Which files users may not send, in the same form; it goes before `only`. An empty list refuses nothing.";
    "files.clamd", Some("WARMLINE_CLAMD"), Kind::Text, None, "\"/run/clamav/clamd.ctl\"", Restart,
    "The virus scanner that sees every file before it is taken: clamd's socket, or its host and port (`127.0.0.1:3310`). Without it nothing is scanned.";
    "files.without_clamd", None, WITHOUT_SCANNER, Some("\"refuse\""), "\"take\"", Restart,
    "What happens to files while clamd does not answer: they are refused, to be sent again, or taken unseen.";
    "files.bucket", Some("WARMLINE_FILES_BUCKET"), Kind::Text, None, "\"warmline-files\"", Restart,
    "A bucket of S3, or of what speaks its protocol, that files are kept in. Without it the folder `files` in the data directory.";
    "files.prefix", None, Kind::Text, None, "\"production/files\"", Restart,
    "What stands before the names of the files in the bucket.";
    "files.region", Some("AWS_REGION"), Kind::Text, Some("\"us-east-1\""), "\"eu-central-1\"", Restart,
    "The bucket's region.";
    "files.endpoint", Some("WARMLINE_FILES_ENDPOINT"), Kind::Text, None, "\"https://minio.example.org\"", Restart,
    "Where the bucket is, if not at AWS: https, or http on this machine.";
    "files.access_key_id", Some("AWS_ACCESS_KEY_ID"), Kind::Text, None, "\"AKIAEXAMPLE\"", Restart,
    "The id of the key that opens the bucket. Without it the role that the machine has.";
    "files.secret_access_key", Some("AWS_SECRET_ACCESS_KEY"), Kind::Secret, None, "\"vault:bucket-key\"", Restart,
    "That key.";
    "files.bucket_in", None, BUCKET_STYLES, Some("\"path\""), "\"host\"", Restart,
    "Whether requests name the bucket in the path or in the host's name.";
    "tenant.keep_chats", Some("WARMLINE_KEEP_CHATS"), Kind::KeepOrOff, Some("\"30d\""), "\"7d\"", Reload,
    "How long the words of a live chat can be read after the last of them, an hour at least; then their key is deleted, and their files with them. `off` keeps them for ever.";
    "tenant.keep_bot_talk", Some("WARMLINE_KEEP_BOT_TALK"), Kind::KeepOrOff, Some("\"24h\""), "\"24h\"", Reload,
    "The same for what was said with the bot outside of live chats. What is gone no agent gets as history.";
    "tenant.mask", Some("WARMLINE_MASK"), Kind::Texts, None, "[\"card\", \"iban\"]", Reload,
    "What may not reach the desk, the bot or the store, of what users say: `card` (13 to 19 digits with the check digit of payment cards), `iban`, `us-ssn`. A mask that names the kind stands in its place, and the user is told once.";
    "tenant.mask_patterns", None, Kind::Texts, None, "['staff number: \\bP-[0-9]{6}\\b']", Reload,
    "The same by patterns of your own: a name, a colon, and a regular expression. The name stands in the mask.";
    "tenant.conversation_rate", None, Kind::Count, Some("100"), "50", Reload,
    "How many calls one conversation may make in a second, 50 at least; four times as many at once. Beyond it: 429.";
    "tenant.user_rate", None, Kind::Count, Some("200"), "100", Reload,
    "The same for one user in all of their conversations.";
    "tenant.rate", None, Kind::Count, None, "2000", Reload,
    "The same for all users of the tenant together. Without it there is no such limit. Callbacks of ServiceNow are never counted.";
    "tenant.start_rate", Some("WARMLINE_START_RATE"), Kind::Count, Some("100"), "10", Reload,
    "How many conversations, and tokens for such, the Direct Line secret of one bot may begin in a second, 1 at least; four times as many at once. Beyond it: 429. Choose few where the secret stands in a page.";
    "desk.instance", Some("SERVICENOW_INSTANCE"), Kind::Text, None, "\"dev12345\"", Reload,
    "Required. Instance name (`dev12345`), host, or https URL; http only to this machine.";
    "desk.client_id", Some("SERVICENOW_CLIENT_ID"), Kind::Text, None, "\"0a1b2c3d4e5f\"", Reload,
    "Required but with `basic`. The client id of the OAuth entry for external clients.";
    "desk.client_secret", Some("SERVICENOW_CLIENT_SECRET"), Kind::Secret, None, "\"vault:servicenow-client-secret\"", Reload,
    "Required but with `basic`. Its client secret.";
    "desk.grant_type", Some("SERVICENOW_GRANT_TYPE"), GRANTS, Some("\"password\""), "\"password\"", Reload,
    "How a token is asked for. `client_credentials` where the instance allows that grant; user name and password are not needed then. `basic` asks for none and sends user name and password with every request; client id and secret are not needed then.";
    "desk.username", Some("SERVICENOW_USERNAME"), Kind::Text, None, "\"warmline.integration\"", Reload,
    "Required by the password grant and by `basic`. The integration user.";
    "desk.password", Some("SERVICENOW_PASSWORD"), Kind::Secret, None, "\"vault:servicenow-password\"", Reload,
    "Required by the password grant and by `basic`. Their password.";
    "desk.webhook_secret", Some("WEBHOOK_SECRET"), Kind::Secret, None, "\"vault:webhook-secret\"", Reload,
    "Required. What ServiceNow must present on the webhook: `Authorization: Bearer …`. Make it with `openssl rand -hex 32`: fewer than 16 characters are warned of, fewer than 6 refused. Each desk has its own.";
    "desk.webhook_secret_previous", Some("WEBHOOK_SECRET_PREVIOUS"), Kind::Secret, None, "\"vault:webhook-secret-of-before\"", Reload,
    "The secret of before, good as well while ServiceNow is given the new one, under the same conditions. When it was last presented is told by the log and by `warmline_webhook_secret_used_timestamp_seconds`; take it away when it is not any more.";
    "desk.webhook_user", Some("WEBHOOK_USERNAME"), Kind::Text, None, "\"servicenow\"", Reload,
    "The user name by which ServiceNow may present the secret as a password, with Basic. Without it Basic is refused.";
    "desk.webhook_header", Some("WEBHOOK_HEADER"), Kind::Text, None, "\"x-warmline-secret\"", Reload,
    "A header in which ServiceNow may present the secret alone, for where `Authorization` is a proxy's.";
    "desk.webhook_from", Some("WEBHOOK_FROM"), Kind::Texts, None, "[\"203.0.113.0/24\"]", Reload,
    "The networks that ServiceNow calls from. Callbacks from elsewhere are refused also with the right secret. Behind a proxy `trusted_proxies` must be set. Without it any address will do.";
    "desk.message_token", Some("SERVICENOW_TOKEN"), Kind::Secret, None, "\"vault:message-token\"", Reload,
    "The message-auth token. Without it, or `signature_secret`, every user is a guest at ServiceNow.";
    "desk.signature_secret", Some("SERVICENOW_SIGNATURE_SECRET"), Kind::Secret, None, "\"vault:signature-secret\"", Reload,
    "The secret of hash message auth (`hash_message_verification`): every request then carries `x-b2b-signature`, the HMAC-SHA1 of the bytes that are sent.";
    "desk.ca_file", Some("SERVICENOW_CA_FILE"), Kind::Path, None, "\"/etc/warmline/instance-ca.pem\"", Reload,
    "Certificates (PEM) of authorities that the instance's certificate may come from, besides those that this machine trusts.";
    "desk.command_words", None, Kind::Texts,
    Some("[\"hi\", \"agent\", \"bye\", \"restart\", \"help\", \"logout\", \"notification\", \"notifications\", \"show notification\"]"),
    "[\"bye\", \"restart\"]", Reload,
    "Words that the instance obeys when they are a whole message. As words of a user they get a full stop, so that the agent reads them. An empty list guards nothing.";
    "desk.receipts", None, SWITCH, Some("\"on\""), "\"off\"", Reload,
    "Whether agents see what became of what they said: shown to the user, or failed. The instance needs the Virtual Agent API app 4.0 and `third_party_chat`; one that refuses receipts gets none for an hour.";
    "desk.files", None, FILES_BY, Some("\"auto\""), "\"upload\"", Reload,
    "How users' files come to the instance: `link`, it fetches them from `public_url`, which must be among its *Trusted media domains*; `upload`, they are brought to it, for which the integration user needs a role of `glide.attachment.role`; `auto`, by link where `public_url` is https and not of a private network, else by upload.";
    "desk.nobody_texts", None, Kind::Texts, Some("[\"no agents are available\"]"), "[\"nobody is here\"]", Reload,
    "Parts of the instance's texts that say that nobody is there, in the language of the instance. Compared without case.";
    "desk.ended_texts", None, Kind::Texts,
    Some("[\"has closed the support session\", \"the support session was closed\", \"it seems you have left the conversation\", \"it seems that you have left the conversation\", \"the conversation has ended\"]"),
    "[\"the chat is over\"]", Reload,
    "Parts of the instance's texts that say that the chat is over.";
    "desk.joined_texts", None, Kind::Texts, Some("[\"has entered the chat\"]"), "[\"has joined\"]", Reload,
    "Parts of the instance's texts that say that somebody came; Warmline says so itself.";
    "bot.app_id", Some("MicrosoftAppId"), Kind::Text, None, "\"00000000-0000-0000-0000-000000000000\"", Reload,
    "The id of Warmline's own registration in Entra, the one of the Azure Bot. With a secret or certificate it opens `/api/messages` for Teams and the other channels. Names the bot in tokens and in the store, instead of its name here. Tokens that pages hold are for the bot by its name.";
    "bot.endpoint", Some("BOT_ENDPOINT"), Kind::Text, None, "\"https://bot.example.org/api/messages\"", Reload,
    "The messaging endpoint of your own bot. Without it the built-in bot answers. http only on this machine, or on a private network for a bot without an app id.";
    "bot.endpoint_app_id", Some("BOT_APP_ID"), Kind::Text, None, "\"00000000-0000-0000-0000-000000000001\"", Reload,
    "The app id of your own bot. Warmline then comes to it as a skill's parent, with a token of the registration `app_id`, and takes its calls only with a token of its own. Without it the bot must run without an app id, on this machine or a private network.";
    "bot.app_password", Some("MicrosoftAppPassword"), Kind::Secret, None, "\"vault:microsoft-app-password\"", Reload,
    "The client secret of the registration `app_id`: its value, not its id. This or a certificate opens `/api/messages`, and is needed beside `endpoint_app_id`.";
    "bot.app_certificate_file", Some("WARMLINE_APP_CERTIFICATE_FILE"), Kind::Path, None, "\"/etc/warmline/bot.pem\"", Reload,
    "A certificate of the registration `app_id` instead of a secret: PEM, as it was uploaded to Entra. Needs `app_certificate_key`; not beside `app_password`.";
    "bot.app_certificate_key", Some("WARMLINE_APP_CERTIFICATE_KEY"), Kind::Secret, None, "\"file:/etc/warmline/bot.key\"", Reload,
    "The private key of `app_certificate_file`: RSA, PEM, without a passphrase. Say it as `file:PATH`; the vault keeps nothing that long.";
    "bot.app_type", Some("MicrosoftAppType"), APP_TYPES, None, "\"SingleTenant\"", Reload,
    "Whether the registration `app_id` is for one tenant of Entra or for all. Without it `SingleTenant` where `app_tenant` is set, else `MultiTenant`.";
    "bot.app_tenant", Some("MicrosoftAppTenantId"), Kind::Text, None, "\"00000000-0000-0000-0000-000000000002\"", Reload,
    "The tenant of the registrations in Entra, by its id. Required with `app_type = \"SingleTenant\"`.";
    "bot.user_tenants", Some("WARMLINE_USER_TENANTS"), Kind::Texts, None, "[\"00000000-0000-0000-0000-000000000002\"]", Reload,
    "The tenants of Entra whose users may come through `/api/messages`, by their ids; in the variable with commas between them. Without it those of `app_tenant` with `SingleTenant`, and everybody's with `MultiTenant`.";
    "bot.cloud", Some("WARMLINE_CLOUD"), CLOUDS, Some("\"public\""), "\"usgov\"", Reload,
    "The cloud in which Azure Bot and registrations are: `usgov` for GCC High and DoD (GCC is in the public one), `china` for 21Vianet. Decides each address below that is not set.";
    "bot.login_url", Some("ToChannelFromBotLoginUrl"), Kind::Text, None, "\"https://login.microsoftonline.us/contoso.example\"", Reload,
    "Where tokens are asked for, with the tenant. Without it the login of `cloud`, by `app_type` and `app_tenant`.";
    "bot.entra_metadata_url", Some("ToBotFromEmulatorOpenIdMetadataUrl"), Kind::Text, None,
    "\"https://login.microsoftonline.us/cab8a31a-1906-4287-a0d8-4eef66b95f6e/v2.0/.well-known/openid-configuration\"", Reload,
    "The OpenID metadata of Entra, by which tokens of the bot behind are verified. Without it that of `cloud`.";
    "bot.channel_metadata_url", Some("ToBotFromChannelOpenIdMetadataUrl"), Kind::Text, None,
    "\"https://login.botframework.azure.us/v1/.well-known/openidconfiguration\"", Reload,
    "The OpenID metadata of Azure Bot Service, by which tokens at `/api/messages` are verified. Without it that of `cloud`.";
    "bot.channel_token_issuer", Some("ToBotFromChannelTokenIssuer"), Kind::Text, None, "\"https://api.botframework.us\"", Reload,
    "Who issues those tokens, exactly as they name it. Without it that of `cloud`.";
    "bot.connector_scope", Some("ToChannelFromBotOAuthScope"), Kind::Text, None, "\"https://api.botframework.us/.default\"", Reload,
    "What the token is asked for with which Warmline sends to channels. Without it that of `cloud`.";
    "bot.connector_hosts", Some("WARMLINE_CONNECTOR_HOSTS"), Kind::Texts, Some("[]"), "[\"smba.example.org\"]", Reload,
    "Hosts, with everything below them, that activities may name as `serviceUrl` besides those of `cloud`; in the variable with commas between them. Only they get replies, and with them a token.";
    "bot.teams_files", Some("WARMLINE_TEAMS_FILES"), Kind::Choice(&["link", "consent"]), Some("\"link\""), "\"consent\"", Reload,
    "How users of Teams get what an agent sends: `link`, a card that opens it; `consent`, in personal chats, a card that asks whether it may go into their own OneDrive. Pictures are shown in either case.";
    "bot.emulator", Some("WARMLINE_EMULATOR"), SWITCH, Some("\"off\""), "\"on\"", Reload,
    "Whether tokens of Entra that this registration asked for itself open `/api/messages`, too, as the Bot Framework Emulator and test programs present them.";
    "bot.token_issuers", None, Kind::Texts, Some("[]"), "[\"https://login.example.org/\"]", Reload,
    "Issuers of the bot's tokens besides Entra's own.";
    "bot.service_url", Some("WARMLINE_BOT_SERVICE_URL"), Kind::Text, None, "\"http://warmline:8080\"", Reload,
    "How your own bot reaches this service. Without it `public_url`, or else the address that is listened on.";
    "bot.delivery", Some("WARMLINE_BOT_DELIVERY"), DELIVERIES, Some("\"normal\""), "\"expectReplies\"", Reload,
    "How your own bot answers: by calls to this service, or with its answer to each activity (`expectReplies`), for a bot that cannot reach this service. Such a bot cannot say anything by itself.";
    "bot.turn_within", None, Kind::Span, Some("\"15s\""), "\"30s\"", Reload,
    "How long your own bot may take to take one activity, 25s at most. After that the user is told that it does not answer, unless it has.";
    "bot.bot_within", None, Kind::Span, Some("\"2min\""), "\"2min\"", Reload,
    "How long the user's words are attempted while your own bot cannot be reached.";
    "bot.handoff_events", None, Kind::Texts, Some("[]"), "[\"GenesysHandoff\"]", Reload,
    "Names of events by which your own bot asks for a person, besides `handoff.initiate`.";
    "bot.desk", None, Kind::Text, None, "\"default\"", Reload,
    "The desk of the same tenant where its users are handed over. Needed where the tenant has several.";
    "bot.direct_line_secret", Some("DIRECT_LINE_SECRET"), Kind::Secret, None, "\"vault:direct-line-secret\"", Reload,
    "Opens Direct Line for web pages. Make it with `openssl rand -hex 32`: fewer than 16 characters are warned of, fewer than 6 refused. Without it Direct Line is closed. Each bot has its own.";
    "bot.trusted_origins", Some("WARMLINE_TRUSTED_ORIGINS"), Kind::Texts, None, "[\"https://shop.example.org\", \"https://www.example.org:8443\"]", Reload,
    "The pages whose browsers may use Direct Line, as browsers say them in `Origin`; in the variable with commas between them. Without it every page may, unless a token names its own (`trustedOrigins`). Programs that are no browser are not held up by it.";
    "bot.widget_key", Some("WARMLINE_WIDGET_KEY"), Kind::Text, None, "\"shop-2f9c41d07e\"", Reload,
    "The public key with which the widget on pages of `trusted_origins` begins chats of strangers, for sites without a server that gives tokens. It stands in those pages and is no secret: choose 8 to 64 letters, digits, hyphens and underscores. Without it only your server gives tokens.";
    "bot.token_grace", None, Kind::SpanOrOff, Some("\"12h\""), "\"12h\"", Reload,
    "How long a Direct Line token past its end (it lives for 30 minutes) goes on opening its own conversation, for laptops that slept; `off` for not at all.";
    "bot.replay", None, REPLAYS, Some("\"all\""), "\"new\"", Reload,
    "What a page that comes back without saying how far it has read gets: `all` from the start of the conversation, `new` only what comes after. A page that starts a conversation gets all of it.";
    "bot.message_encryption", Some("WARMLINE_MESSAGE_ENCRYPTION"), MESSAGES, Some("\"offered\""), "\"required\"", Reload,
    "Whether messages between web pages and Warmline are sealed besides TLS (docs/message-encryption.md): `offered`, by pages that can, as the widget does; `required`, and what comes in the clear is refused, in both directions.";
    "bot.answers_file", None, Kind::Path, None, "\"answers.json\"", Reload,
    "What the built-in bot says: JSON with `greeting`, `fallback` and `topics` of `words` and `answer`. Without it the help desk's answers that come with Warmline.";
    "bot.escalate_phrases", None, Kind::Texts, Some("[\"agent\", \"live agent\", \"talk to a human\"]"), "[\"agent\", \"help me\"]", Reload,
    "What a user types to ask for a person. The whole message, without regard to case and final punctuation.";
    "bot.cancel_phrases", None, Kind::Texts, Some("[\"cancel\"]"), "[\"cancel\", \"never mind\"]", Reload,
    "What a user types to withdraw while they wait.";
    "bot.end_phrases", None, Kind::Texts, Some("[\"end chat\"]"), "[\"end chat\"]", Reload,
    "What a user types to end the chat.";
    "bot.silence", None, Kind::Span, Some("\"60s\""), "\"60s\"", Reload,
    "After ServiceNow took the request and says nothing: how long until that counts as lost.";
    "bot.longest_wait", None, Kind::Span, Some("\"30min\""), "\"30min\"", Reload,
    "The longest a user waits for an agent.";
    "bot.idle_warning", None, Kind::Span, Some("\"150s\""), "\"150s\"", Reload,
    "How long a user may be silent in a live chat before a warning. ServiceNow reminds at 180 s and cuts at 360 s.";
    "bot.agent_idle", None, Kind::SpanOrOff, Some("\"off\""), "\"5min\"", Reload,
    "How long an agent may leave the user's last word unanswered before the user is told; `off` tells them nothing.";
    "bot.away_grace", None, Kind::Span, Some("\"10min\""), "\"10min\"", Reload,
    "How long a user whose page is gone keeps their place and their agent.";
    "bot.quiet", None, Kind::Span, Some("\"3h\""), "\"3h\"", Reload,
    "A live chat in which neither side was heard for this long is lost. Longer than ServiceNow's own slowest clean-up (two hours, looked at hourly).";
    "bot.ask_within", None, Kind::Span, Some("\"2min\""), "\"2min\"", Reload,
    "How long the request for an agent is attempted.";
    "bot.say_within", None, Kind::Span, Some("\"15min\""), "\"15min\"", Reload,
    "How long a message is attempted.";
    "bot.end_within", None, Kind::Span, Some("\"24h\""), "\"24h\"", Reload,
    "How long telling ServiceNow the end of a chat is attempted.";
    "bot.lane_max", None, Kind::Count, Some("1000"), "1000", Reload,
    "How many effects may wait in a lane before the user's words are refused.";
}

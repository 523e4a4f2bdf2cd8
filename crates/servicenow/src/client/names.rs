//! What the operator calls the settings that an instance may find wrong.

/// What the settings of a desk are called where they were set, for sentences that send somebody there: a
/// variable, or the setting of a file with the desk that it belongs to. Never their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingNames {
    /// Of the instance's name or address.
    pub instance: String,
    /// Of the client id.
    pub client_id: String,
    /// Of the client's secret.
    pub client_secret: String,
    /// Of the integration user's name.
    pub username: String,
    /// Of their password.
    pub password: String,
    /// Of the way in which a token is asked for.
    pub grant_type: String,
}

/// The variables, where nothing else configures a desk.
impl Default for SettingNames {
    fn default() -> Self {
        let [instance, client_id, client_secret, username, password, grant_type] = [
            "SERVICENOW_INSTANCE",
            "SERVICENOW_CLIENT_ID",
            "SERVICENOW_CLIENT_SECRET",
            "SERVICENOW_USERNAME",
            "SERVICENOW_PASSWORD",
            "SERVICENOW_GRANT_TYPE",
        ]
        .map(str::to_owned);
        Self { instance, client_id, client_secret, username, password, grant_type }
    }
}

//! Why an upload came to nothing, for the page and for its user.

use bot_framework::direct_line::ErrorCode;
use session::FileRefusal;

use crate::{
    edge::{direct_line::Refused, multipart::MultipartError},
    files::FileError,
};

/// Why an upload came to nothing.
pub(super) struct Trouble {
    pub(super) refused: Refused,
    /// What the user is told.
    pub(super) why: Option<FileRefusal>,
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self { refused, why: None }
    }
}

impl From<MultipartError> for Trouble {
    fn from(error: MultipartError) -> Self {
        Refused::new(ErrorCode::BadArgument, error.to_string()).into()
    }
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        let why = Some(error.fault());
        Self { refused: error.into(), why }
    }
}

/// What of it is nobody's fault who sends one.
const NOT_KEPT: &str = "the file cannot be kept at the moment; nothing was taken, send it again";

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        let code = match &error {
            FileError::TooLarge { .. } | FileError::TooLargeToScan => ErrorCode::TooLarge,
            FileError::Empty | FileError::NotAllowed | FileError::Infected => {
                ErrorCode::BadArgument
            }
            FileError::ConversationFull | FileError::TenantFull | FileError::Full => {
                ErrorCode::TooManyRequests
            }
            FileError::Busy | FileError::NotScanned => ErrorCode::ServiceUnavailable,
            // Told of by whoever looked.
            FileError::Elsewhere(_) => {
                return Self::new(ErrorCode::ServiceUnavailable, NOT_KEPT);
            }
            FileError::Gone | FileError::Disk(_) | FileError::Sealed(_) | FileError::Malformed => {
                tracing::error!(error = &error as &dyn std::error::Error, "a file cannot be kept");
                return Self::new(ErrorCode::ServiceUnavailable, NOT_KEPT);
            }
        };
        Self::new(code, error.to_string())
    }
}

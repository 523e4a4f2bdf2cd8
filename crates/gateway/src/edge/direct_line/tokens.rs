//! Giving tokens out: for a new conversation, in exchange for an older token, and for a conversation
//! that exists.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
};
use bot_framework::direct_line::{
    Conversation, ErrorCode, TOKEN_LIFETIME_S, TokenParameters,
    token::{Claims, Purpose},
};
use session::id::UserId;
use store::Store;

use crate::edge::{
    Edge,
    body::read_body,
    direct_line::{LIFETIME_S, PARAMETERS_BYTES_MAX, Refused, bad_id, proof::Caller},
    doors::{Site, site_name},
};

/// A token for a new conversation; nothing is stored yet.
pub(super) async fn generate(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Conversation>, Refused> {
    let site = edge.server(&headers)?;
    edge.may_begin_so_fast(&site)?;
    let parameters = parameters(body).await?;
    let conversation = edge.fresh_conversation();
    Ok(Json(edge.described(&edge.binding(&site, conversation, parameters)?, None)))
}

/// A new token for the same conversation. The old one stays good until its own end: other tabs may
/// hold it. Nothing is read or written, so that it cannot fail: clients do not get over that
/// (reference 4.4). Only what calls faster than any client does is told to come back.
pub(super) async fn refresh(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
) -> Result<Json<Conversation>, Refused> {
    match edge.caller(&headers)? {
        Caller::Page(claims) => {
            edge.may_call_so_fast(&claims)?;
            Ok(Json(edge.described(&claims, None)))
        }
        Caller::Site(_) => {
            Err(Refused::new(ErrorCode::Forbidden, "a secret needs no refresh; send the token"))
        }
    }
}

/// A token for a conversation that exists, for the user it is bound to. Azure has nothing like it:
/// a page that was away for longer than any grace comes back with it.
pub(super) async fn again(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Conversation>, Refused> {
    let Path(id) = id?;
    let site = edge.server(&headers)?;
    let claims = edge.binding(&site, id, parameters(body).await?)?;
    let key = edge.key_of(&claims)?;
    let found = move |store: &dyn Store| {
        Ok(match store.conversation(&key)? {
            Some(_) => Found::Theirs,
            None if store.is_taken(&key)? => Found::Anothers,
            None => Found::Nothing,
        })
    };
    match crate::blocking(&edge.store, found).await? {
        Found::Theirs => Ok(Json(edge.described(&claims, None))),
        Found::Anothers => Err(Refused::new(
            ErrorCode::Forbidden,
            "the conversation is bound to another user; name the one whose it is in `user.id`, or \
             none if none was bound",
        )),
        Found::Nothing => Err(Refused::new(
            ErrorCode::NotFound,
            "this site has no such conversation: a page starts it, and then it can be found",
        )),
    }
}

/// Whose a conversation is.
enum Found {
    Theirs,
    Anothers,
    Nothing,
}

pub(super) async fn parameters(body: Body) -> Result<TokenParameters, Refused> {
    let body = read_body(body, PARAMETERS_BYTES_MAX).await?;
    TokenParameters::parse(&body)
        .map_err(|error| Refused::new(ErrorCode::BadArgument, error.to_string()))
}

impl Edge {
    /// A site's own server, which alone can bind.
    fn server(&self, headers: &HeaderMap) -> Result<Site, Refused> {
        match self.caller(headers)? {
            Caller::Site(site) => Ok(site),
            Caller::Page(_) => Err(Refused::new(
                ErrorCode::Forbidden,
                "only the Direct Line secret can generate tokens",
            )),
        }
    }

    pub(super) fn fresh_conversation(&self) -> String {
        self.clock.fresh_id().simple().to_string()
    }

    /// What tokens of a conversation of this site say.
    pub(super) fn binding(
        &self,
        site: &Site,
        conversation: String,
        asked: TokenParameters,
    ) -> Result<Claims, Refused> {
        if let Some(id) = &asked.user.id {
            // A site that binds to nobody by mistake would make all of its users strangers.
            UserId::new(id).map_err(bad_id)?;
        }
        // The site's own list is looked up with each call, and wins.
        let origins = match &site.pages.trusted_origins[..] {
            [] => self.direct_line.digests(&asked.trusted_origins),
            _ => Vec::new(),
        };
        let name_of_site = site_name(&site.tenant, &site.bot);
        let name = asked.user.name.as_deref().map(|name| self.kept_name(&name_of_site, name));
        Ok(Claims {
            conversation,
            user: asked.user.id,
            name,
            origins,
            site: name_of_site,
            reader: None,
            purpose: Purpose::Token,
            issued_at: 0,
            expires_at: 0,
            id: String::new(),
        })
    }

    /// The answer about a conversation, with a fresh token in it.
    pub(super) fn described(&self, claims: &Claims, stream_url: Option<String>) -> Conversation {
        Conversation {
            conversation_id: claims.conversation.clone(),
            token: self.mint(claims, Purpose::Token, LIFETIME_S),
            expires_in: TOKEN_LIFETIME_S,
            stream_url,
            reference_grammar_id: None,
        }
    }
}

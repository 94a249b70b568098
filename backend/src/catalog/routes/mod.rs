//! The catalog's operations: each is one OpenAPI description and one handler of the same name.

mod books;
mod context;
mod ledger;
mod shopkeeper;

use std::sync::Arc;

use common::Problem;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use self::context::Context;
use super::CatalogService;
use crate::http::{Route, Routes};
use crate::token::Token;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bookstore: catalog",
        description = "Books, topics, stock and the ledger. Not public."
    ),
    paths(
        books::list_topics,
        books::search_topic,
        books::search_words,
        books::lookup_book,
        shopkeeper::update_stock,
        shopkeeper::set_book,
        shopkeeper::withdraw_book,
        shopkeeper::change_books,
        ledger::sell_books,
        ledger::list_entries,
        ledger::find_entry,
        ledger::follow_feed,
    ),
    components(schemas(Problem))
)]
struct Document;

/// The routes of a catalog; `token` is the shopkeeper's.
pub(crate) fn routes(catalog: &Arc<CatalogService>, token: Token, stopping: CancellationToken) -> Routes {
    let context = Arc::new(Context {
        catalog: Arc::clone(catalog),
        token,
        stopping,
    });
    let routes = vec![
        Route::new::<ledger::__path_sell_books, _, _, _>(&context, ledger::sell_books).with_batch_body(),
        Route::new::<books::__path_lookup_book, _, _, _>(&context, books::lookup_book),
        Route::new::<books::__path_search_topic, _, _, _>(&context, books::search_topic),
        Route::new::<books::__path_list_topics, _, _, _>(&context, books::list_topics),
        Route::new::<books::__path_search_words, _, _, _>(&context, books::search_words),
        Route::new::<ledger::__path_find_entry, _, _, _>(&context, ledger::find_entry),
        Route::new::<ledger::__path_list_entries, _, _, _>(&context, ledger::list_entries),
        Route::new::<shopkeeper::__path_update_stock, _, _, _>(&context, shopkeeper::update_stock),
        Route::new::<shopkeeper::__path_set_book, _, _, _>(&context, shopkeeper::set_book),
        Route::new::<shopkeeper::__path_withdraw_book, _, _, _>(&context, shopkeeper::withdraw_book),
        Route::new::<shopkeeper::__path_change_books, _, _, _>(&context, shopkeeper::change_books).with_batch_body(),
        Route::new::<ledger::__path_follow_feed, _, _, _>(&context, ledger::follow_feed),
    ];
    Routes::new(catalog, routes, Document::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::InitialCatalog;
    use crate::http::assert_described;
    use crate::store::{self, EditPolicy};

    #[tokio::test]
    async fn the_routes_and_their_document_agree() {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open(&store::Url::Csv(folder.path().to_owned()), EditPolicy::Refuse).unwrap();
        let catalog = Arc::new(CatalogService::open(store, &InitialCatalog::BuiltIn).unwrap());
        assert_described(&routes(&catalog, Token::fixed(None), CancellationToken::new()));
        catalog.close().await;
    }
}

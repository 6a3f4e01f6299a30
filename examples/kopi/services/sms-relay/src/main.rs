use axum::{routing::{get, post}, Router};

mod provider;
mod settings;

#[tokio::main]
async fn main() {
    let settings = settings::load("config/default.toml");
    let provider = provider::connect(std::env::var("SMS_PROVIDER_URL").expect("SMS_PROVIDER_URL"), settings.provider);

    let app = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/messages", post(provider::send))
        .with_state(provider);

    let listener = tokio::net::TcpListener::bind(("0.0.0.0", settings.port)).await.expect("bind");
    axum::serve(listener, app).await.expect("serve");
}

# Each module draws its own routes. Those marked moved only redirect or proxy to the service that replaced them.
Rails.application.routes.draw do
  get '/up', to: 'health#show'

  # catalogue
  scope module: 'catalogue' do
    root 'menus#index'
    resources :menus, only: %i[index show]
    resources :outlets, only: %i[index show]
    get '/search', to: 'searches#index'
  end

  # cart
  scope module: 'cart' do
    resource :cart, only: %i[show update destroy]
    resources :cart_items, only: %i[create update destroy]
  end

  # checkout
  namespace :checkout do
    resource :payment, only: %i[new create]
    resource :order, only: %i[create show]
    post '/payment/callback', to: 'callbacks#create'
  end

  # accounts (moved)
  namespace :accounts do
    resource :session, only: %i[new create destroy]
    resource :profile, only: %i[show update]
  end

  # loyalty (moved)
  namespace :loyalty do
    get '/stamps', to: 'stamps#index'
  end

  # admin
  namespace :admin do
    resources :menus
    resources :promotions
    resources :reports, only: %i[index show]
    get '/export', to: 'exports#show'
  end
end

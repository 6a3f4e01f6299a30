class OrdersClient
  def initialize(connection = Faraday.new(url: Settings.modules.checkout.orders_url))
    @connection = connection
  end

  def place(cart)
    @connection.post('/orders', cart.to_json, 'Content-Type' => 'application/json')
  end

  def find(number)
    @connection.get("/orders/#{number}")
  end
end

# Asks whether an outlet still has it. Never made it into settings.yml.
class InventoryClient
  BASE_URL = ENV.fetch('INVENTORY_URL', 'http://inventory.kopi.internal:8215')

  def available?(outlet, sku)
    response = Faraday.get("#{BASE_URL}/outlets/#{outlet}/stock/#{sku}")
    response.status == 200 && JSON.parse(response.body)['quantity'].positive?
  end
end

RSpec.describe InventoryClient do
  it 'says no when the outlet is out of stock' do
    stub_request(:get, 'http://stock-stub.kopi.internal:9999/outlets/7/stock/teh-c').to_return(status: 404)
    expect(described_class.new.available?(7, 'teh-c')).to be(false)
  end
end

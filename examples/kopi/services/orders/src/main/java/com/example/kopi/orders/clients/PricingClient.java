package com.example.kopi.orders.clients;

import org.springframework.cloud.openfeign.FeignClient;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;

@FeignClient(name = "pricing", url = "${clients.pricing.url}")
public interface PricingClient {
    @PostMapping("/quotes")
    Quote quote(@RequestBody Basket basket);
}

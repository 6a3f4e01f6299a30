package com.example.kopi.orders.clients;

import org.springframework.cloud.openfeign.FeignClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;

/** Delivery addresses. The URL is not in the config repository: it has never changed. */
@FeignClient(name = "accounts", url = "http://accounts.kopi.internal:8250")
public interface AccountsClient {
    @GetMapping("/customers/{id}/addresses")
    Addresses addresses(@PathVariable("id") String customer);
}

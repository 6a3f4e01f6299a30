package com.example.kopi.orders.events;

import org.springframework.amqp.rabbit.annotation.RabbitListener;
import org.springframework.stereotype.Component;

@Component
class RiderEvents {
    private final OrderBook book;

    RiderEvents(OrderBook book) {
        this.book = book;
    }

    @RabbitListener(queues = "orders.rider-events")
    void onRiderEvent(RiderEvent event) {
        book.find(event.order()).advance(event);
    }
}

#!/usr/bin/perl
use strict;
use warnings;

use DBI;
use LWP::UserAgent;

my %conf;
open my $fh, '<', 'sync.conf' or die "sync.conf: $!";
while (<$fh>) {
    next if /^\s*(#|$)/;
    chomp;
    my ($key, $value) = split /=/, $_, 2;
    $conf{$key} = $value;
}

my $db = DBI->connect("dbi:Pg:host=$conf{db_host};port=$conf{db_port};dbname=$conf{db_name}", $conf{db_user}, $conf{db_password});
my $menu = LWP::UserAgent->new(timeout => 900)->get($conf{shop_export})->decoded_content;

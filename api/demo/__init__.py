"""The demo: the real topics, played through the HTTP API by residents, hosts, clerks, officials and units."""

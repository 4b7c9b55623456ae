"""The industry authority's rules: pure decisions over an application, an entry, a notification, a producer."""

"""Tests: the production path of sending and receiving, observed and told step by step."""

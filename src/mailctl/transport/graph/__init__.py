"""Sending through Microsoft Graph, over HTTP."""

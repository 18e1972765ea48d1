"""What several tests share: configurations, small nets, guarded memory."""

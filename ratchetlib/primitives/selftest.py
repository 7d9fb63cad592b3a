def require(): pass
